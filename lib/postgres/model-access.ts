// `db.<model>.<method>()`: one class a model, made once a schema, so that a request pays one small object
// for the model that it touches and nothing for the others.

import { compileOperation, readMethods, writeMethods, type CompileContext, type Method } from '../query/compile.ts'
import { fieldReferences } from '../query/field-reference.ts'
import type { ResolvedModel, ResolvedSchema } from '../query/model.ts'
import type { CompiledOperation, QueryResult, Work } from '../query/statement.ts'
import { Operation, partsOf, type Compiler, type Executor } from './operation.ts'

export type ModelClass = new (executor: Executor) => object

type OperationClass = new (executor: Executor, compiler: Compiler, method: string, args: unknown) => Operation<unknown>

/** Methods that answer with one row, on which relations may be called. */
const rowMethods: ReadonlySet<string> = new Set(['findUnique', 'findUniqueOrThrow', 'findFirst', 'findFirstOrThrow', 'create', 'update', 'upsert', 'delete'])

/** A class for each model, by the name that it has on the client. */
export function modelClasses (schema: ResolvedSchema, context: CompileContext): Map<string, ModelClass> {
  const rowOperations = new Map<string, OperationClass>()
  for (const model of schema.models.values()) rowOperations.set(model.name, rowOperationClass(model, rowOperations))
  const classes = new Map<string, ModelClass>()
  for (const model of schema.models.values()) classes.set(model.clientName, modelClass(schema, model, context, rowOperations.get(model.name) ?? Operation))
  return classes
}

function modelClass (schema: ResolvedSchema, model: ResolvedModel, context: CompileContext, RowOperation: OperationClass): ModelClass {
  const compiler: Compiler = {
    compile: (method, args) => args instanceof RelationCall
      ? args.compile((nested) => compileOperation(schema, model.name, method as Method, nested, context)) // methods below alone
      : compileOperation(schema, model.name, method as Method, args, context),
  }
  let fields: object | undefined

  class ModelAccess {
    readonly #executor: Executor

    constructor (executor: Executor) { this.#executor = executor }

    get fields (): object {
      fields ??= fieldReferences(model)
      return fields
    }

    static {
      for (const method of [...readMethods, ...writeMethods]) {
        const Made: OperationClass = rowMethods.has(method) ? RowOperation : Operation
        define(this.prototype, method, function (this: ModelAccess, args?: unknown) { return new Made(this.#executor, compiler, method, args) })
      }
    }
  }
  return ModelAccess
}

/** An operation whose members are the model's relations: the one place where a class extends another, since a caller's names must be on its prototype. */
function rowOperationClass (model: ResolvedModel, rowOperations: ReadonlyMap<string, OperationClass>): OperationClass {
  class RowOperation extends Operation<unknown> {}
  for (const relation of model.relations) {
    define(RowOperation.prototype, relation.name, function (this: Operation<unknown>, args?: unknown) {
      const { executor, compiler, method, args: base } = partsOf(this)
      const call = base instanceof RelationCall ? base.then(relation.name, args) : new RelationCall(base, [{ name: relation.name, args }])
      const Made = relation.toMany ? Operation : rowOperations.get(relation.target.name) ?? Operation
      return new Made(executor, compiler, method, call)
    })
  }
  return RowOperation
}

function define (prototype: object, name: string, value: unknown): void {
  Object.defineProperty(prototype, name, { value, writable: true, configurable: true, enumerable: false })
}

interface RelationStep {
  readonly name: string
  readonly args: unknown
}

/** `db.user.findUnique(base).posts(args)`: the same operation with the relations as nested selections, and its answer unwrapped. */
class RelationCall {
  readonly #base: unknown
  readonly #steps: readonly RelationStep[]

  constructor (base: unknown, steps: readonly RelationStep[]) {
    this.#base = base
    this.#steps = steps
  }

  /** A further call on a to-one relation. */
  then (name: string, args: unknown): RelationCall { return new RelationCall(this.#base, [...this.#steps, { name, args }]) }

  compile (compile: (args: unknown) => CompiledOperation): CompiledOperation {
    let nested: unknown = true
    for (let i = this.#steps.length - 1; i >= 0; i--) {
      const step = this.#steps[i] as RelationStep // by the loop's bounds
      nested = selecting(i === this.#steps.length - 1 ? step.args ?? true : step.args, this.#steps[i + 1]?.name, nested)
    }
    const compiled = compile(selecting(this.#base, this.#steps[0]?.name, nested))
    return { ...compiled, work: mapWork(compiled.work, (row) => this.#unwrap(row)) }
  }

  #unwrap (row: unknown): unknown {
    let value = row
    for (const step of this.#steps) {
      if (value === null || value === undefined) return null
      value = (value as Record<string, unknown>)[step.name] // selected by `compile`
    }
    return value ?? null
  }
}

/** The arguments with one relation selected; as they are where there is none. */
function selecting (args: unknown, relation: string | undefined, nested: unknown): unknown {
  if (relation === undefined) return args
  if (args !== undefined && args !== true && (typeof args !== 'object' || args === null)) return args // the compiler words the mistake
  const given = args === true || args === undefined ? {} : args as Record<string, unknown> // an object by the line above
  const select = given['select']
  return { ...given, select: { ...(typeof select === 'object' && select !== null ? select : {}), [relation]: nested } }
}

function mapWork (work: Work<unknown>, map: (value: unknown) => unknown): Work<unknown> {
  switch (work.type) {
    case 'statement': return { ...work, decode: (result: QueryResult) => map(work.decode(result)) }
    case 'batch': return { ...work, decode: (results: readonly QueryResult[]) => map(work.decode(results)) }
    case 'constant': return { ...work, value: map(work.value) }
    default: {
      const never: never = work
      return never
    }
  }
}
