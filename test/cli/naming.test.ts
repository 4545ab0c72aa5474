import t from 'tap'
import { camelCase, enumName, modelName, plural, relationOfColumn } from '../../lib/cli/naming.ts'

for (const [table, expected] of [
  ['users', 'User'], ['user_profiles', 'UserProfile'], ['UserProfile', 'UserProfile'], ['HTTPServers', 'HttpServer'], ['categories', 'Category'],
  ['addresses', 'Address'], ['boxes', 'Box'], ['buses', 'Bus'], ['statuses', 'Status'], ['status', 'Status'], ['news', 'News'], ['people', 'Person'],
  ['movies', 'Movie'], ['databases', 'Database'], ['houses', 'House'], ['analyses', 'Analysis'], ['settings', 'Settings'], ['s3_files', 'S3File'],
  ['2fa_codes', '_2faCode'], ['objects', 'ObjectRow'], ['t', 'T'], ['größen', 'Größen'], ['order-items', 'OrderItem'],
] as const) {
  await t.test(`the table ${table} is the model ${expected}`, async (t) => { t.equal(modelName(table), expected) })
}

for (const [column, expected] of [
  ['created_at', 'createdAt'], ['createdAt', 'createdAt'], ['ID', 'id'], ['Weird Name', 'weirdName'], ['constructor', 'constructor_'], ['__proto__', 'proto'], ['_id', 'id'],
  ['1st', '_1st'], ['then', 'then_'], ['a-b', 'aB'], ['NOT', 'not'], ['$', '_'],
] as const) {
  await t.test(`the column ${column} is the field ${expected}`, async (t) => { t.equal(camelCase(column), expected) })
}

await t.test('an enum keeps its words', async (t) => {
  t.equal(enumName('order_status'), 'OrderStatus')
  t.equal(enumName('Role'), 'Role')
})

await t.test('inverse relations are plurals', async (t) => {
  for (const [one, many] of [['post', 'posts'], ['category', 'categories'], ['key', 'keys'], ['address', 'addresses'], ['orderStatus', 'orderStatuses'], ['person', 'people'], ['userChild', 'userChildren'], ['news', 'news'], ['box', 'boxes']] as const) t.equal(plural(one), many)
})

await t.test('a relation is called by its column without the word for a key', async (t) => {
  for (const [column, relation] of [['author_id', 'author'], ['authorId', 'author'], ['authorUUID', 'author'], ['id', undefined], ['author', undefined], ['reply_to', undefined]] as const) t.equal(relationOfColumn(column), relation, column)
})
