import { autoincrement, belongsTo, hasMany, hasOne, manyToMany, model, now, t } from 'fastify-multi-region/schema'

export const Customer = model('Customer', {
  id: t.int().id().default(autoincrement()),
  createdAt: t.timestamp(3).default(now()),
  name: t.text().optional(),
  email: t.text(),
  isActive: t.boolean().default(false),
}, { relations: { address: hasOne('Address', 'customer'), orders: hasMany('Order', 'customer') } })

export const Address = model('Address', {
  id: t.int().id().default(autoincrement()),
  street: t.text().optional(),
  city: t.text().optional(),
  postalCode: t.text().optional(),
  country: t.text().optional(),
  customerId: t.int().unique(),
}, { relations: { customer: belongsTo('Customer', 'customerId', { onDelete: 'cascade' }) } })

export const Order = model('Order', {
  id: t.int().id().default(autoincrement()),
  customerId: t.int(),
  date: t.timestamp(3),
  totalAmount: t.decimal(12, 2),
}, { relations: { customer: belongsTo('Customer', 'customerId', { onDelete: 'cascade' }), products: manyToMany('Product', 'orders') } })

export const Product = model('Product', {
  id: t.int().id().default(autoincrement()),
  name: t.text(),
  price: t.decimal(10, 2),
  quantity: t.int(),
  description: t.text().optional(),
}, { relations: { orders: manyToMany('Order', 'products') } })
