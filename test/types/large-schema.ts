// Writes a program on a large schema: 300 models with 10 relations each, and 900 calls.
// Deterministic, so that the budgets of `budget.test.ts` mean the same everywhere.

export interface LargeProgram {
  /** File name → text. */
  readonly files: Readonly<Record<string, string>>
}

const FORWARD = [1, 2, 3, 5, 8]

export function writeLargeProgram (models: number): LargeProgram {
  const at = (i: number): string => `M${((i % models) + models) % models}`
  const accessor = (i: number): string => at(i).replace('M', 'm')
  const schema = ["import { model, enumType, t, belongsTo, hasMany, autoincrement, now, uuid } from 'fastify-multi-region/schema'", "const Status = enumType('status', ['NEW', 'OPEN', 'DONE'])"]
  for (let i = 0; i < models; i++) {
    const keys = FORWARD.map((step, n) => `  parent${n}Id: t.int()${n === 0 ? '' : '.optional()'}.map('parent_${n}_id'),`)
    const parents = FORWARD.map((step, n) => `parent${n}: belongsTo('${at(i + step)}', 'parent${n}Id')`)
    const children = FORWARD.map((step, n) => `children${n}: hasMany('${at(i - step)}', 'parent${n}')`)
    schema.push(`export const ${at(i)} = model('table_${i}', {
  /** The key of table ${i}. */
  id: t.int().id().default(autoincrement()),
  code: t.uuid().unique().default(uuid()),
  title: t.varchar(200),
  body: t.text().optional(),
  status: Status().default('NEW'),
  labels: t.text().list(),
  price: t.decimal(10, 2).default('0'),
  count: t.int().default(0),
  total: t.bigint().optional(),
  ratio: t.float().optional(),
  done: t.boolean().default(false),
  createdAt: t.timestamptz(3).default(now()).map('created_at'),
${keys.join('\n')}
}, { unique: { title_count: ['title', 'count'] }, relations: { ${[...parents, ...children].join(', ')} } })`)
  }
  const calls: string[] = []
  for (let i = 0; i < models; i++) {
    const db = `db.${accessor(i)}`
    calls.push(`export async function calls${i} () {
  const rows = await ${db}.findMany({ where: { title: { contains: 'x', mode: 'insensitive' }, parent0: { title: { startsWith: 'a' } }, children1: { some: { count: { gt: 1 }, parent2: { done: true } } } }, orderBy: [{ createdAt: 'desc' }, { parent1: { title: 'asc' } }], include: { parent0: { select: { id: true, children3: { take: 2, where: { done: false }, select: { title: true, status: true } } } }, children1: { include: { parent3: true } }, _count: true }, take: 20 })
  const title: string | undefined = rows[0]?.parent0.children3[0]?.title
  const made = await ${db}.create({ data: { title: 'x', labels: ['a'], ${i % 2 === 0 ? 'parent0: { connect: { id: 1 } }, ' : 'parent0Id: 1, '}children2: { create: [{ title: 'a', parent0Id: 2 }, { title: 'b', parent0: { connect: { id: 2 } } }] } }, select: { id: true, code: true, children2: { select: { id: true } } } })
  const id: number = made.children2[0]?.id ?? made.id
  ${i % 3 === 0
      ? `const groups = await ${db}.groupBy({ by: ['status'], _count: true, _sum: { count: true }, having: { count: { _avg: { gt: 1 } } }, orderBy: { status: 'asc' } })
  return [title, id, groups[0]?._sum.count]`
      : `const changed = await ${db}.update({ where: { title_count: { title: 'x', count: 1 } }, data: { count: { increment: 1 }, children4: { updateMany: { where: { done: false }, data: { done: true } }, connect: { id: 4 } } } })
  return [title, id, changed.price.toNumber()]`}
}`)
  }
  const head = "import { db } from './db.ts'\n"
  return {
    files: {
      'schema.ts': `${schema.join('\n')}\n`,
      'db.ts': "import type { DatabaseOf } from 'fastify-multi-region'\nimport * as schema from './schema.ts'\nexport interface AppSchema extends Readonly<typeof schema> {}\nexport declare const db: DatabaseOf<AppSchema>\n",
      'calls.ts': `${head}${calls.join('\n')}\n`,
      'package.json': '{ "type": "module" }\n',
    },
  }
}
