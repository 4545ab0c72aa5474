// Written by `fastify-multi-region pull`. Every export is a model; keep enums unexported, or in a file of their own.
import { model, enumType, t, belongsTo, hasOne, hasMany, manyToMany, autoincrement, cuid, now, uuid } from '../../../lib/schema/index.ts'

const Role = enumType('Role', ['USER', 'EDITOR', 'ADMIN'])
export type Role = 'USER' | 'EDITOR' | 'ADMIN'

const Permission = enumType('permission', ['READ', 'WRITE', 'DELETE', 'BILLING'])
export type Permission = 'READ' | 'WRITE' | 'DELETE' | 'BILLING'

const OrderStatus = enumType('order_status', { PENDING: 'PENDING', PAID: 'PAID', SHIPPED: 'SHIPPED', CANCELLED: 'canceled' })
export type OrderStatus = 'PENDING' | 'PAID' | 'SHIPPED' | 'CANCELLED'

export const User = model('users', {
  id: t.int().id().default(autoincrement()),
  email: t.text().unique(),
  name: t.text().optional(),
  role: Role().default('USER'),
  permissions: Permission().list(),
  isActive: t.boolean().default(true).map('is_active'),
  karma: t.int().default(0),
  balance: t.decimal(14, 4).optional(),
  birthDate: t.date().optional().map('birth_date'),
  lastSeenAt: t.timestamptz(3).optional().map('last_seen_at'),
  createdAt: t.timestamp(3).default(now()).map('created_at'),
  updatedAt: t.timestamp(3).updatedAt().map('updated_at'),
  invitedById: t.int().optional().map('invited_by_id'),
}, {
  relations: {
    invitedBy: belongsTo('User', 'invitedById', { onDelete: 'set-null', onUpdate: 'cascade' }),
    invitees: hasMany('User', 'invitedBy'),
    profile: hasOne('Profile', 'user'),
    posts: hasMany('Post', 'author'),
    reviewed: hasMany('Post', 'reviewer'),
    comments: hasMany('Comment', 'author'),
    orders: hasMany('Order', 'user'),
    memberships: hasMany('Membership', 'user'),
    reviews: hasMany('Review', 'user'),
    followers: manyToMany('User', 'following', { through: '_Follows' }),
    following: manyToMany('User', 'followers', { through: '_Follows' }),
  },
})

export const Profile = model('profiles', {
  id: t.int().id().default(autoincrement()),
  bio: t.text().optional(),
  website: t.varchar(60).optional(),
  settings: t.json().default({}),
  userId: t.int().unique().map('user_id'),
}, {
  relations: {
    user: belongsTo('User', 'userId', { onDelete: 'cascade', onUpdate: 'cascade' }),
  },
})

export const Post = model('posts', {
  id: t.int().id().default(autoincrement()),
  slug: t.text().unique(),
  title: t.varchar(80),
  content: t.text().optional(),
  published: t.boolean().default(false),
  views: t.int().default(0),
  likes: t.bigint().default(0n),
  rating: t.float().optional(),
  meta: t.json().optional(),
  publishedAt: t.timestamp(3).optional().map('published_at'),
  createdAt: t.timestamp(3).default(now()).map('created_at'),
  updatedAt: t.timestamp(3).updatedAt().map('updated_at'),
  authorId: t.int().optional().map('author_id'),
  reviewerId: t.int().optional().map('reviewer_id'),
}, {
  unique: { authorId_title: ['authorId', 'title'] },
  relations: {
    author: belongsTo('User', 'authorId', { onDelete: 'set-null', onUpdate: 'cascade' }),
    reviewer: belongsTo('User', 'reviewerId', { onDelete: 'set-null', onUpdate: 'cascade' }),
    comments: hasMany('Comment', 'post'),
    tags: hasMany('PostTag', 'post'),
    categories: manyToMany('Category', 'posts'),
  },
  index: [['published', 'createdAt']],
})

export const Comment = model('comments', {
  id: t.int().id().default(autoincrement()),
  body: t.text(),
  score: t.int().default(0),
  createdAt: t.timestamp(3).default(now()).map('created_at'),
  postId: t.int().map('post_id'),
  authorId: t.int().optional().map('author_id'),
  parentId: t.int().optional().map('parent_id'),
}, {
  relations: {
    post: belongsTo('Post', 'postId', { onDelete: 'cascade', onUpdate: 'cascade' }),
    author: belongsTo('User', 'authorId', { onDelete: 'set-null', onUpdate: 'cascade' }),
    parent: belongsTo('Comment', 'parentId', { onDelete: 'cascade', onUpdate: 'cascade' }),
    replies: hasMany('Comment', 'parent'),
  },
  index: [['postId']],
})

export const Category = model('categories', {
  id: t.int().id().default(autoincrement()),
  name: t.text().unique(),
  description: t.text().optional(),
}, {
  relations: {
    posts: manyToMany('Post', 'categories'),
  },
})

export const Tag = model('tags', {
  id: t.int().id().default(autoincrement()),
  name: t.text().unique(),
  color: t.char(7).optional(),
}, {
  relations: {
    posts: hasMany('PostTag', 'tag'),
  },
})

export const PostTag = model('post_tags', {
  postId: t.int().map('post_id'),
  tagId: t.int().map('tag_id'),
  weight: t.int().default(1),
  assignedBy: t.text().optional().map('assigned_by'),
  assignedAt: t.timestamp(3).default(now()).map('assigned_at'),
}, {
  id: { postId_tagId: ['postId', 'tagId'] },
  relations: {
    post: belongsTo('Post', 'postId', { onDelete: 'cascade', onUpdate: 'cascade' }),
    tag: belongsTo('Tag', 'tagId', { onDelete: 'cascade', onUpdate: 'cascade' }),
  },
})

export const Supplier = model('suppliers', {
  id: t.int().id().default(autoincrement()),
  name: t.text(),
  country: t.char(2),
  vatId: t.text().optional().unique().map('vat_id'),
}, {
  unique: { countryName: ['country', 'name'] },
  relations: {
    products: hasMany('Product', 'supplier'),
  },
})

export const Product = model('products', {
  id: t.uuid().id().default(uuid()),
  sku: t.varchar(20).unique(),
  name: t.text(),
  description: t.text().optional(),
  price: t.decimal(10, 2),
  weight: t.float().optional(),
  stock: t.int().default(0),
  sold: t.bigint().default(0n),
  active: t.boolean().default(true),
  attributes: t.json().optional(),
  labels: t.text().list(),
  sizes: t.int().list(),
  thumbnail: t.bytes().optional(),
  releasedOn: t.date().optional().map('released_on'),
  restockedAt: t.timestamptz(3).optional().map('restocked_at'),
  supplierId: t.int().optional().map('supplier_id'),
}, {
  relations: {
    supplier: belongsTo('Supplier', 'supplierId', { onDelete: 'set-null', onUpdate: 'cascade' }),
    items: hasMany('OrderItem', 'product'),
    reviews: hasMany('Review', 'product'),
  },
  index: [['active', 'price']],
})

export const Order = model('orders', {
  id: t.int().id().default(autoincrement()),
  ref: t.text().unique().default(cuid()),
  status: OrderStatus().default('PENDING'),
  total: t.decimal(12, 2).default('0'),
  notes: t.text().optional(),
  address: t.json().optional(),
  placedAt: t.timestamptz(3).default(now()).map('placed_at'),
  shippedOn: t.date().optional().map('shipped_on'),
  userId: t.int().map('user_id'),
}, {
  relations: {
    user: belongsTo('User', 'userId', { onDelete: 'restrict', onUpdate: 'cascade' }),
    items: hasMany('OrderItem', 'order'),
  },
  index: [['userId', 'status']],
})

export const OrderItem = model('order_items', {
  orderId: t.int().map('order_id'),
  lineNo: t.smallint().map('line_no'),
  productId: t.uuid().map('product_id'),
  quantity: t.int().default(1),
  unitPrice: t.decimal(10, 2).map('unit_price'),
  gift: t.boolean().default(false),
}, {
  id: { orderLine: ['orderId', 'lineNo'] },
  relations: {
    order: belongsTo('Order', 'orderId', { onDelete: 'cascade', onUpdate: 'cascade' }),
    product: belongsTo('Product', 'productId', { onDelete: 'restrict', onUpdate: 'cascade' }),
  },
})

export const Review = model('reviews', {
  id: t.bigint().id().default(autoincrement()),
  stars: t.smallint(),
  text: t.text().optional(),
  createdAt: t.timestamp(3).default(now()).map('created_at'),
  userId: t.int().map('user_id'),
  productId: t.uuid().map('product_id'),
}, {
  unique: { userId_productId: ['userId', 'productId'] },
  relations: {
    user: belongsTo('User', 'userId', { onDelete: 'cascade', onUpdate: 'cascade' }),
    product: belongsTo('Product', 'productId', { onDelete: 'cascade', onUpdate: 'cascade' }),
  },
})

export const Org = model('orgs', {
  id: t.int().id().default(autoincrement()),
  slug: t.text().unique(),
  name: t.text(),
  seats: t.int().optional(),
}, {
  relations: {
    memberships: hasMany('Membership', 'org'),
  },
})

export const Membership = model('memberships', {
  id: t.int().id().default(autoincrement()),
  role: Role().default('USER'),
  title: t.text().optional(),
  joinedAt: t.timestamp(3).default(now()).map('joined_at'),
  orgId: t.int().map('org_id'),
  userId: t.int().map('user_id'),
}, {
  unique: { orgId_userId: ['orgId', 'userId'] },
  relations: {
    org: belongsTo('Org', 'orgId', { onDelete: 'cascade', onUpdate: 'cascade' }),
    user: belongsTo('User', 'userId', { onDelete: 'cascade', onUpdate: 'cascade' }),
  },
})
