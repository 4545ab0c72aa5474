import { relations } from 'drizzle-orm'
import { boolean, integer, numeric, pgTable, primaryKey, serial, text, timestamp } from 'drizzle-orm/pg-core'

export const customers = pgTable('Customer', { id: serial('id').primaryKey(), createdAt: timestamp('createdAt', { precision: 3 }).notNull().defaultNow(), name: text('name'), email: text('email').notNull(), isActive: boolean('isActive').notNull().default(false) })
export const addresses = pgTable('Address', { id: serial('id').primaryKey(), street: text('street'), city: text('city'), postalCode: text('postalCode'), country: text('country'), customerId: integer('customerId').notNull().unique() })
export const orders = pgTable('Order', { id: serial('id').primaryKey(), customerId: integer('customerId').notNull(), date: timestamp('date', { precision: 3 }).notNull(), totalAmount: numeric('totalAmount', { precision: 12, scale: 2 }).notNull() })
export const products = pgTable('Product', { id: serial('id').primaryKey(), name: text('name').notNull(), price: numeric('price', { precision: 10, scale: 2 }).notNull(), quantity: integer('quantity').notNull(), description: text('description') })
export const orderProducts = pgTable('_OrderToProduct', { orderId: integer('A').notNull(), productId: integer('B').notNull() }, (t) => [primaryKey({ columns: [t.orderId, t.productId] })])

export const customersRelations = relations(customers, ({ one, many }) => ({ address: one(addresses, { fields: [customers.id], references: [addresses.customerId] }), orders: many(orders) }))
export const addressesRelations = relations(addresses, ({ one }) => ({ customer: one(customers, { fields: [addresses.customerId], references: [customers.id] }) }))
export const ordersRelations = relations(orders, ({ one, many }) => ({ customer: one(customers, { fields: [orders.customerId], references: [customers.id] }), products: many(orderProducts) }))
export const productsRelations = relations(products, ({ many }) => ({ orders: many(orderProducts) }))
export const orderProductsRelations = relations(orderProducts, ({ one }) => ({ order: one(orders, { fields: [orderProducts.orderId], references: [orders.id] }), product: one(products, { fields: [orderProducts.productId], references: [products.id] }) }))
