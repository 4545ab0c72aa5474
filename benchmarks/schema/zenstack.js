// Generated from schema.zmodel by ZenStack's CLI (`zen generate`), types stripped. Not written by hand.
import { ExpressionUtils } from '@zenstackhq/schema'
class SchemaType {
  provider = {
    type: 'postgresql'
  }

  models = {
    User: {
      name: 'User',
      fields: {
        id: {
          name: 'id',
          type: 'Int',
          id: true,
          attributes: [{ name: '@id' }, { name: '@default', args: [{ name: 'value', value: ExpressionUtils.call('autoincrement') }] }],
          default: ExpressionUtils.call('autoincrement')
        },
        email: {
          name: 'email',
          type: 'String',
          unique: true,
          attributes: [{ name: '@unique' }]
        },
        name: {
          name: 'name',
          type: 'String'
        },
        createdAt: {
          name: 'createdAt',
          type: 'DateTime',
          attributes: [{ name: '@default', args: [{ name: 'value', value: ExpressionUtils.call('now') }] }, { name: '@map', args: [{ name: 'name', value: ExpressionUtils.literal('created_at') }] }, { name: '@db.Timestamptz', args: [{ name: 'x', value: ExpressionUtils.literal(3) }] }],
          default: ExpressionUtils.call('now')
        },
        posts: {
          name: 'posts',
          type: 'Post',
          array: true,
          relation: { opposite: 'author' }
        },
        comments: {
          name: 'comments',
          type: 'Comment',
          array: true,
          relation: { opposite: 'author' }
        }
      },
      attributes: [
        { name: '@@map', args: [{ name: 'name', value: ExpressionUtils.literal('users') }] }
      ],
      idFields: ['id'],
      uniqueFields: {
        id: { type: 'Int' },
        email: { type: 'String' }
      }
    },
    Post: {
      name: 'Post',
      fields: {
        id: {
          name: 'id',
          type: 'Int',
          id: true,
          attributes: [{ name: '@id' }, { name: '@default', args: [{ name: 'value', value: ExpressionUtils.call('autoincrement') }] }],
          default: ExpressionUtils.call('autoincrement')
        },
        title: {
          name: 'title',
          type: 'String'
        },
        content: {
          name: 'content',
          type: 'String'
        },
        published: {
          name: 'published',
          type: 'Boolean',
          attributes: [{ name: '@default', args: [{ name: 'value', value: ExpressionUtils.literal(false) }] }],
          default: false
        },
        views: {
          name: 'views',
          type: 'Int',
          attributes: [{ name: '@default', args: [{ name: 'value', value: ExpressionUtils.literal(0) }] }],
          default: 0
        },
        createdAt: {
          name: 'createdAt',
          type: 'DateTime',
          attributes: [{ name: '@default', args: [{ name: 'value', value: ExpressionUtils.call('now') }] }, { name: '@map', args: [{ name: 'name', value: ExpressionUtils.literal('created_at') }] }, { name: '@db.Timestamptz', args: [{ name: 'x', value: ExpressionUtils.literal(3) }] }],
          default: ExpressionUtils.call('now')
        },
        authorId: {
          name: 'authorId',
          type: 'Int',
          attributes: [{ name: '@map', args: [{ name: 'name', value: ExpressionUtils.literal('author_id') }] }],
          foreignKeyFor: [
            'author'
          ]
        },
        author: {
          name: 'author',
          type: 'User',
          attributes: [{ name: '@relation', args: [{ name: 'fields', value: ExpressionUtils.array('Int', [ExpressionUtils.field('authorId')]) }, { name: 'references', value: ExpressionUtils.array('Int', [ExpressionUtils.field('id')]) }] }],
          relation: { opposite: 'posts', fields: ['authorId'], references: ['id'] }
        },
        comments: {
          name: 'comments',
          type: 'Comment',
          array: true,
          relation: { opposite: 'post' }
        }
      },
      attributes: [
        { name: '@@index', args: [{ name: 'fields', value: ExpressionUtils.array('Int', [ExpressionUtils.field('authorId')]) }] },
        { name: '@@map', args: [{ name: 'name', value: ExpressionUtils.literal('posts') }] }
      ],
      idFields: ['id'],
      uniqueFields: {
        id: { type: 'Int' }
      }
    },
    Comment: {
      name: 'Comment',
      fields: {
        id: {
          name: 'id',
          type: 'Int',
          id: true,
          attributes: [{ name: '@id' }, { name: '@default', args: [{ name: 'value', value: ExpressionUtils.call('autoincrement') }] }],
          default: ExpressionUtils.call('autoincrement')
        },
        body: {
          name: 'body',
          type: 'String'
        },
        createdAt: {
          name: 'createdAt',
          type: 'DateTime',
          attributes: [{ name: '@default', args: [{ name: 'value', value: ExpressionUtils.call('now') }] }, { name: '@map', args: [{ name: 'name', value: ExpressionUtils.literal('created_at') }] }, { name: '@db.Timestamptz', args: [{ name: 'x', value: ExpressionUtils.literal(3) }] }],
          default: ExpressionUtils.call('now')
        },
        postId: {
          name: 'postId',
          type: 'Int',
          attributes: [{ name: '@map', args: [{ name: 'name', value: ExpressionUtils.literal('post_id') }] }],
          foreignKeyFor: [
            'post'
          ]
        },
        authorId: {
          name: 'authorId',
          type: 'Int',
          attributes: [{ name: '@map', args: [{ name: 'name', value: ExpressionUtils.literal('author_id') }] }],
          foreignKeyFor: [
            'author'
          ]
        },
        post: {
          name: 'post',
          type: 'Post',
          attributes: [{ name: '@relation', args: [{ name: 'fields', value: ExpressionUtils.array('Int', [ExpressionUtils.field('postId')]) }, { name: 'references', value: ExpressionUtils.array('Int', [ExpressionUtils.field('id')]) }] }],
          relation: { opposite: 'comments', fields: ['postId'], references: ['id'] }
        },
        author: {
          name: 'author',
          type: 'User',
          attributes: [{ name: '@relation', args: [{ name: 'fields', value: ExpressionUtils.array('Int', [ExpressionUtils.field('authorId')]) }, { name: 'references', value: ExpressionUtils.array('Int', [ExpressionUtils.field('id')]) }] }],
          relation: { opposite: 'comments', fields: ['authorId'], references: ['id'] }
        }
      },
      attributes: [
        { name: '@@index', args: [{ name: 'fields', value: ExpressionUtils.array('Int', [ExpressionUtils.field('postId')]) }] },
        { name: '@@map', args: [{ name: 'name', value: ExpressionUtils.literal('comments') }] }
      ],
      idFields: ['id'],
      uniqueFields: {
        id: { type: 'Int' }
      }
    }
  }

  authType = 'User'
  plugins = {}
}
const schema = new SchemaType()
export {
  SchemaType,
  schema
}
