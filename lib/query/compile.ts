// The entry of the query layer: a method and its arguments → an operation that can be run.
// A repeated shape costs one walk over the arguments and one look-up; see shape.ts.

import type { BoundedCache } from '../core/bounded-cache.ts'
import { QueryInvalidError } from '../core/errors.ts'
import { compileAggregate, compileGroupBy } from './aggregate.ts'
import { typeName } from './encode.ts'
import { ValueTable } from './fragment.ts'
import { compileRead, compileCount } from './read.ts'
import { ShapeWalk, type Argument, type ArgumentTree, type QueryLimits } from './shape.ts'
import { compileWrite } from './write.ts'
import type { ResolvedModel, ResolvedSchema } from './model.ts'
import type { Plan, ValueSources } from './plan.ts'
import type { CompiledOperation, QueryResult } from './statement.ts'

export const readMethods = ['findUnique', 'findUniqueOrThrow', 'findFirst', 'findFirstOrThrow', 'findMany', 'count', 'aggregate', 'groupBy'] as const
export const writeMethods = ['create', 'createMany', 'createManyAndReturn', 'update', 'updateMany', 'updateManyAndReturn', 'upsert', 'delete', 'deleteMany'] as const
export type ReadMethod = (typeof readMethods)[number]
export type WriteMethod = (typeof writeMethods)[number]
export type Method = ReadMethod | WriteMethod

export interface CompileContext extends ValueSources {
  readonly limits: QueryLimits
  readonly planCache: BoundedCache<Plan>
}

/** What a compiler of one method is given. It sees the arguments as a tree of leaves, never the values themselves. */
export interface Compilation {
  readonly schema: ResolvedSchema
  readonly model: ResolvedModel
  readonly method: Method
  readonly args: ArgumentTree
  /** The values of this call, and those that the client generates. Statements are built by `new SqlBuilder(values)`. */
  readonly values: ValueTable
  readonly limits: QueryLimits
}

/**
 * Compiles one operation.
 * @throws QueryInvalidError for arguments that the schema refuses, with the path to the mistake.
 */
export function compileOperation (schema: ResolvedSchema, modelName: string, method: Method, args: unknown, context: CompileContext): CompiledOperation {
  const model = schema.models.get(modelName)
  if (model === undefined) throw new QueryInvalidError('There is no such model', { path: [] })
  return compileFor(schema, model, method, args, context)
}

function compileFor (schema: ResolvedSchema, model: ResolvedModel, method: Method, args: unknown, context: CompileContext): CompiledOperation {
  const start = `${model.name}.${method}`
  const given = args ?? emptyArguments
  const walk = new ShapeWalk(start, false, context.limits)
  walk.operation(model, given)
  let values: readonly unknown[] = walk.leaves
  let plan = walk.overflow ? undefined : context.planCache.get(walk.key)
  let generators = plan === undefined ? undefined : (plan as CachedPlan).generators
  if (plan === undefined) {
    const built = new ShapeWalk(start, true, context.limits)
    const tree = built.operation(model, given)
    const table = new ValueTable(built.leaves, context)
    plan = { ...compilePlan({ schema, model, method, args: asTree(tree, args), values: table, limits: context.limits }), generators: table.generators } as CachedPlan
    if (plan.cacheable && !built.overflow) context.planCache.set(built.key, plan)
    values = table.values
    generators = undefined
  }
  if (generators !== undefined && generators.length > 0) {
    const all = walk.leaves
    for (const make of generators) all.push(make(context))
  }
  return { access: plan.access, work: plan.open(values), mapError: plan.mapError }
}

/** One call behind a find: `db.user.findUnique(…).posts(…)`. */
export interface FluentStep {
  readonly relation: string
  readonly args?: unknown
}

/**
 * Compiles relation calls chained on a find, as one statement: `findUnique(args).author().profile(…)` is
 * `findUnique({ …args, select: { author: { select: { profile: … } } } })`, of which the last relation alone comes back.
 * A missing record on the way makes the answer null.
 */
export function compileFluent (schema: ResolvedSchema, modelName: string, method: Method, args: unknown, steps: readonly FluentStep[], context: CompileContext): CompiledOperation {
  let nested: unknown
  for (let i = steps.length - 1; i >= 0; i--) {
    const step = steps[i] as FluentStep
    nested = nested === undefined ? step.args ?? true : { ...(step.args as object | undefined), select: nested }
    nested = { [step.relation]: nested }
  }
  const found = compileOperation(schema, modelName, method, { ...(args as object | undefined), select: nested }, context)
  const { work } = found
  if (work.type !== 'statement') throw new QueryInvalidError('This method has no relation calls', { path: [] })
  const pick = (record: unknown): unknown => {
    let value = record
    for (const { relation } of steps) {
      if (value === null || value === undefined) return null
      value = (value as Record<string, unknown>)[relation]
    }
    return value ?? null
  }
  return { ...found, work: { ...work, decode: (result: QueryResult) => pick(work.decode(result)) } }
}

type CachedPlan = Plan & { readonly generators: ValueTable['generators'] }

const emptyArguments: object = Object.freeze(Object.create(null) as object)

function asTree (tree: Argument | undefined, args: unknown): ArgumentTree {
  if (!(tree instanceof Map)) throw new QueryInvalidError('Expected an object of arguments', { path: [], received: typeName(args) })
  return tree as ArgumentTree
}

function compilePlan (compilation: Compilation): Plan {
  switch (compilation.method) {
    case 'findUnique': case 'findUniqueOrThrow': case 'findFirst': case 'findFirstOrThrow': case 'findMany': return compileRead(compilation, compilation.method)
    case 'count': return compileCount(compilation)
    case 'aggregate': return compileAggregate(compilation)
    case 'groupBy': return compileGroupBy(compilation)
    case 'create': case 'createMany': case 'createManyAndReturn': case 'update': case 'updateMany': case 'updateManyAndReturn': case 'upsert': case 'delete': case 'deleteMany':
      return compileWrite(compilation, compilation.method)
    default: throw new QueryInvalidError('There is no such method', { path: [] })
  }
}
