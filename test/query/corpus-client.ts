// Runs an operation of the corpus as an app would: on a client made by `createClient`.

import { untag, type CorpusOperation } from './corpus-case.ts'

type Call = (...args: unknown[]) => PromiseLike<unknown>
type Models = Record<string, Record<string, Call>>

/** Lazy, as every operation is: nothing is sent before it is awaited or given to `$transaction`. */
function operationOf (db: object, operation: CorpusOperation): PromiseLike<unknown> {
  const client = db as Models & Record<string, Call>
  const { model, method, args, fluent } = operation
  if (model === null || model === undefined) {
    const raw = untag(args) as { strings?: string[], sql?: string, values: unknown[] }
    if (raw.strings === undefined) return (client[method] as Call)(raw.sql, ...raw.values)
    return (client[method] as Call)(Object.assign([...raw.strings], { raw: raw.strings }), ...raw.values)
  }
  const call = client[model.charAt(0).toLowerCase() + model.slice(1)] as Record<string, Call>
  let made = 'args' in operation ? (call[method] as Call)(untag(args)) : (call[method] as Call)()
  for (const [relation, relationArgs] of fluent ?? []) {
    const next = (made as unknown as Record<string, Call>)[relation] as Call
    made = relationArgs === undefined ? next.call(made) : next.call(made, untag(relationArgs))
  }
  return made
}

export async function runOnClient (db: object, operation: CorpusOperation): Promise<unknown> {
  if (operation.method !== '$transaction') return operationOf(db, operation)
  const operations = (operation.args as CorpusOperation[]).map((part) => operationOf(db, part))
  return ((db as Record<string, Call>)['$transaction'] as Call)(operations)
}
