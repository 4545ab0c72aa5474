// The parts of one statement all see the data as it was before; that must not be told from running them one by one.

import fc from 'fast-check'
import t from 'tap'
import { ValueTable } from '../../lib/query/fragment.ts'
import { resolveSchema } from '../../lib/query/model.ts'
import { ShapeWalk, type ArgumentTree } from '../../lib/query/shape.ts'
import { compileWrite } from '../../lib/query/write.ts'
import * as corpus from './corpus/schema.ts'
import { openSeededSession } from './seeded-session.ts'
import { uuidOf, WriteArguments } from './write-arguments.ts'
import type { WriteMethod } from '../../lib/query/compile.ts'
import type { Plan } from '../../lib/query/plan.ts'
import type { ResolvedModel } from '../../lib/query/model.ts'
import type { Work } from '../../lib/query/statement.ts'

const schema = resolveSchema(corpus)
const limits = { maxDepth: 10, maxParameters: 32_000 }

/** Codes that a write on the corpus's rows may end with; anything else is a statement that PostgreSQL refused. */
const expected = new Set(['P2000', 'P2002', 'P2003', 'P2014', 'P2017', 'P2018', 'P2020', 'P2025'])

function compile (model: ResolvedModel, method: string, args: unknown, stepsPerStatement?: number): { plan: Plan, work: Work<unknown> } {
  const walk = new ShapeWalk('', true, limits)
  const tree = walk.operation(model, args) as ArgumentTree
  let made = 0
  const values = new ValueTable(walk.leaves, { now: () => new Date(1.7e12), uuid: () => uuidOf(50 + made++), cuid: () => `c${made++}` })
  const plan = compileWrite({ schema, model, method: method as WriteMethod, args: tree, values, limits, ...(stepsPerStatement === undefined ? {} : { stepsPerStatement }) }, method as WriteMethod)
  return { plan, work: plan.open(values.values) }
}

await t.test('steps that share a statement do what they do one by one', { timeout: 240_000 }, async (t) => {
  const { session } = await openSeededSession(t)
  const names = (await session.simple("select tablename from pg_tables where schemaname = 'public' order by 1")).rows.map(([name]) => name)
  const state = names.map((name) => `select '${name}', md5(coalesce(string_agg(x::text, '|' order by x::text), '')) from "${name}" as x`).join(' union all ')
  const restart = (await session.simple("select string_agg(format('select setval(%L, 5000)', schemaname || '.' || quote_ident(sequencename)), ';') from pg_sequences")).rows[0]?.[0] as string

  const outcome = async (model: ResolvedModel, method: string, args: unknown, stepsPerStatement?: number): Promise<{ error: string } | { result: unknown, state: unknown }> => {
    let compiled: ReturnType<typeof compile>
    try {
      compiled = compile(model, method, args, stepsPerStatement)
    } catch (error) {
      // A required relation that no data could save.
      return { error: String((error as { code?: unknown }).code) }
    }
    const { plan, work } = compiled
    await session.simple(`${restart}; begin`)
    try {
      const result = work.type === 'statement'
        ? work.decode(await session.query(work.checked ?? work.statement))
        : work.type === 'batch' ? work.decode(await session.batch(work.statements)) : undefined
      return { result, state: (await session.simple(state)).rows }
    } catch (failure) {
      return { error: String((plan.mapError(failure as Error) as { code?: unknown }).code) }
    } finally {
      await session.simple('rollback')
    }
  }

  let succeeded = 0
  await fc.assert(fc.asyncProperty(fc.integer(), async (seed) => {
    const { model, method, args } = new WriteArguments(seed).operation([...schema.models.values()])
    const shared = await outcome(model, method, args)
    const single = await outcome(model, method, args, 1)
    if ('error' in shared || 'error' in single) {
      // Which of several errors comes first is not promised, but that there is one is.
      if (!('error' in shared && 'error' in single)) throw new Error(`${JSON.stringify(shared)} as against ${JSON.stringify(single)}`)
      if (!expected.has(shared.error) || !expected.has(single.error)) throw new Error(`${model.name}.${method}: ${shared.error}, ${single.error}`)
      return
    }
    succeeded++
    if (!t.same(shared, single, `${model.name}.${method} of seed ${seed}`)) throw new Error('the outcomes differ')
  }), { numRuns: 300, seed: 20_240_501, endOnFailure: true })
  t.ok(succeeded > 100, `${succeeded} of the writes succeed`)
})
