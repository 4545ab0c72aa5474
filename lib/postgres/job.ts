// A piece of work as the router sees it: something to run on one connection, in one round trip where that is possible.

import type { Access } from '../core/route-decision.ts'
import type { CompiledOperation, QueryResult, Statement, Work } from '../query/statement.ts'
import type { Connection } from './driver.ts'
import { PROBED_AT, probedStatements } from './hidden-writes.ts'
import { control, pipeline, send, type Settled } from './pipeline.ts'
import { beginStatements, commitOutcome, commitStatement, OpenTransaction, positionStatement, ranOutside, synchronousCommitStatement, type BeginOptions } from './transaction.ts'

export interface JobRun {
  readonly connection: Connection
  readonly deadlineMs: number | undefined
  /** Sent in front, in the same round trip; its failure does not matter to the work. */
  readonly preface: Statement | undefined
  /** The preface and the work must reach one server: several stand behind the address. */
  readonly pinned: boolean
  /** Append the look at the log behind the commit. */
  readonly wantsPosition: boolean
  /** Ask whether raw SQL of one statement wrote (development). */
  readonly probes: boolean
  /** Set by the work as it goes: could a lost connection leave the outcome open? Before a COMMIT is sent it cannot. */
  commitSent: boolean
}

export interface Performed<T> {
  readonly preface: Settled | undefined
  readonly position: QueryResult | undefined
  readonly synchronousCommit: string | null | undefined
  /** The command tags, for raw SQL, whose access only they tell. */
  readonly commands: readonly string[]
  /** Rows that the statement says it affected; undefined for more than one statement. */
  readonly count: number | undefined
  /** What a probe said; undefined without one. */
  readonly wrote?: boolean | undefined
  /** Throws where the answer is an error (a row that must be there is not). */
  readonly decode: () => T
}

export interface Job<T> {
  readonly access: Access
  readonly unit: 'statement' | 'array'
  /** Text of the first statement, for what is remembered by text. */
  readonly text: string
  /** Can a look precede it in one transaction? Under repeatable read it could not: its snapshot would be older than the look. */
  readonly pinnable: boolean
  /** Rejects with a DriverFailure, or with an error of the application after a rollback. */
  perform (run: JobRun): Promise<Performed<T>>
  readonly mapError: (failure: Error) => Error
}

const valueOf = (settled: Settled | undefined): QueryResult | undefined => settled?.status === 'fulfilled' ? settled.value : undefined

/** The answer, or its failure thrown. */
function answerOf (settled: Settled | undefined): QueryResult {
  if (settled === undefined) throw new RangeError('no such answer')
  if (settled.status === 'rejected') {
    const failure: unknown = settled.reason
    throw failure
  }
  return settled.value
}

/** What has to be run: a constant asks no server. */
export type ServerWork = Exclude<Work<unknown>, { readonly type: 'constant' }>

/** The job of one operation. */
export function operationJob (compiled: CompiledOperation, work: ServerWork): Job<unknown> {
  switch (work.type) {
    case 'statement': return {
      access: compiled.access,
      unit: 'statement',
      text: work.statement.text,
      pinnable: true,
      mapError: compiled.mapError,
      async perform (run) {
        run.commitSent = true // its own transaction: whatever is sent may have taken effect
        if (run.preface === undefined && !run.wantsPosition && !run.probes) {
          const result = await send(run.connection, work.statement, run.deadlineMs)
          return { preface: undefined, position: undefined, synchronousCommit: undefined, commands: [result.command], count: result.count, decode: () => work.decode(result) }
        }
        if (run.pinned && run.preface !== undefined) {
          const answer = await performPinned(run, run.preface, work.statement)
          return { ...answer, decode: () => work.decode(answer.result) }
        }
        if (run.probes) {
          const answer = await performProbed(run, work.statement)
          return { ...answer, decode: () => work.decode(answer.result) }
        }
        const at = run.preface === undefined ? 0 : 1
        const settled = await pipeline(run.connection, [...(run.preface === undefined ? [] : [run.preface]), work.statement, ...(run.wantsPosition ? [positionStatement] : [])], run.deadlineMs)
        const result = answerOf(settled[at])
        return { preface: at === 1 ? settled[0] : undefined, position: valueOf(settled[at + 1]), synchronousCommit: undefined, commands: [result.command], count: result.count, decode: () => work.decode(result) }
      },
    }
    case 'batch': return {
      access: compiled.access,
      unit: 'statement',
      text: work.statements[0]?.text ?? '',
      pinnable: false,
      mapError: compiled.mapError,
      async perform (run) {
        const answer = await performBatch(run, work.statements, {})
        return { ...answer, decode: () => work.decode(answer.results) }
      },
    }
    default: {
      const never: never = work
      return never
    }
  }
}

const beginPinned = control('begin isolation level read committed read only')

/**
 * Look and read in one transaction, which a balancer or pooler cannot take apart; the look first. Under read committed
 * the read has a snapshot of its own, later than the look.
 */
async function performPinned (run: JobRun, look: Statement, statement: Statement): Promise<Omit<Performed<unknown>, 'decode'> & { readonly result: QueryResult }> {
  const settled = await pipeline(run.connection, [beginPinned, look, statement, commitStatement], run.deadlineMs)
  answerOf(settled[0])
  // Refused inside the transaction, the look takes the read with it: the caller sees a look that proves nothing.
  const looked = settled[1]
  if (looked?.status === 'rejected') return { preface: looked, position: undefined, synchronousCommit: undefined, commands: [], count: undefined, result: { rows: [], columns: [], command: '', count: 0 } }
  const result = answerOf(settled[2])
  return { preface: looked, position: undefined, synchronousCommit: undefined, commands: [result.command], count: result.count, result }
}

/** The statement in a transaction of its own, which is asked before its COMMIT whether it wrote: see hidden-writes.ts. */
async function performProbed (run: JobRun, statement: Statement): Promise<Omit<Performed<unknown>, 'decode'> & { readonly result: QueryResult }> {
  const start = run.preface === undefined ? 0 : 1
  const probed = probedStatements(statement)
  const settled = await pipeline(run.connection, [...(run.preface === undefined ? [] : [run.preface]), ...probed, ...(run.wantsPosition ? [positionStatement] : [])], run.deadlineMs)
  const result = answerOf(settled[start + PROBED_AT.statement])
  // What is deferred to the COMMIT (a constraint) is refused there, as it would have been at the statement's own end.
  answerOf(settled[start + PROBED_AT.commit])
  const told = valueOf(settled[start + PROBED_AT.probe])?.rows[0]?.[0]
  return {
    preface: start === 1 ? settled[0] : undefined,
    position: valueOf(settled[start + probed.length]),
    synchronousCommit: undefined,
    commands: [result.command],
    count: result.count,
    wrote: typeof told === 'string' ? told === 't' : undefined,
    result,
  }
}

interface BatchAnswer extends Omit<Performed<unknown>, 'decode'> {
  readonly results: readonly QueryResult[]
}

/** Carries the index of the statement that failed, so that its own operation words the error. */
export class BatchFailure {
  readonly failure: unknown
  /** `undefined`: the COMMIT. */
  readonly index: number | undefined

  constructor (failure: unknown, index: number | undefined) {
    this.failure = failure
    this.index = index
  }
}

/** BEGIN, the statements, COMMIT and the position: one round trip. */
async function sendBatch (run: JobRun, statements: readonly Statement[], begin: BeginOptions): Promise<BatchAnswer> {
  const before = [...(run.preface === undefined ? [] : [run.preface]), ...beginStatements(begin)]
  const commitAt = before.length + statements.length + (run.wantsPosition ? 1 : 0)
  run.commitSent = true
  const settled = await pipeline(run.connection, [
    ...before, ...statements, ...(run.wantsPosition ? [synchronousCommitStatement, commitStatement, positionStatement] : [commitStatement]),
  ], run.deadlineMs)
  const start = run.preface === undefined ? 0 : 1
  const outside = ranOutside(settled.slice(start, commitAt), before.length - start)
  if (outside !== undefined) throw new BatchFailure(outside, undefined)
  const failedAt = settled.findIndex((one, index) => index >= start && index < before.length + statements.length && one.status === 'rejected')
  if (failedAt !== -1) {
    const failed = settled[failedAt] as PromiseRejectedResult // found by its status
    // The server told what became of the COMMIT: with a refused statement before it, a rollback.
    if (settled[commitAt]?.status === 'fulfilled') run.commitSent = false
    throw new BatchFailure(failed.reason, Math.max(0, failedAt - before.length))
  }
  const outcome = commitOutcome(settled, { commitAt, earlier: undefined })
  if (outcome.type !== 'committed') {
    if (outcome.type === 'rolled-back') run.commitSent = false
    throw new BatchFailure(outcome.failure ?? new Error('the transaction was rolled back'), undefined)
  }
  return {
    preface: run.preface === undefined ? undefined : settled[0],
    position: outcome.position,
    synchronousCommit: run.wantsPosition ? outcome.synchronousCommit : undefined,
    commands: statements.map((_, index) => valueOf(settled[before.length + index])?.command ?? ''),
    count: undefined,
    results: statements.map((_, index) => answerOf(settled[before.length + index])),
  }
}

async function performBatch (run: JobRun, statements: readonly Statement[], begin: BeginOptions): Promise<BatchAnswer> {
  try {
    return await sendBatch(run, statements, begin)
  } catch (error) {
    if (error instanceof BatchFailure) throw error.failure
    throw error
  }
}

/** BEGIN with the first step, COMMIT with the position; an error of the application rolls back. */
async function performSteps<T> (run: JobRun, begin: BeginOptions, steps: (transaction: OpenTransaction) => Promise<T>): Promise<Performed<T>> {
  const preface = run.preface === undefined ? undefined : (await pipeline(run.connection, [run.preface], run.deadlineMs))[0]
  const transaction = new OpenTransaction(run.connection, { ...begin, deadlineMs: run.deadlineMs })
  let value: T
  try {
    value = await steps(transaction)
  } catch (error) {
    await transaction.rollback()
    throw error
  }
  run.commitSent = true
  const outcome = await transaction.commit({ wantsPosition: run.wantsPosition })
  if (outcome.type !== 'committed') {
    if (outcome.type === 'rolled-back') run.commitSent = false
    throw outcome.failure ?? new Error('the transaction was rolled back')
  }
  return { preface, position: outcome.position, synchronousCommit: outcome.synchronousCommit, commands: [], count: undefined, decode: () => value }
}

export interface ArrayMember {
  readonly compiled: CompiledOperation
  readonly method: string
}

/** The job of `$transaction([...])`: one round trip, unless an operation reads an answer before its next statement. */
export function arrayJob (members: readonly ArrayMember[], begin: BeginOptions): Job<unknown[]> {
  const operations = members.map(({ compiled }) => compiled)
  const access: Access = operations.some((one) => one.access === 'write') ? 'write' : operations.some((one) => one.access === 'unknown') ? 'unknown' : 'read'
  /** Which operation failed last: its words are used. */
  let failed: CompiledOperation | undefined
  return {
    access,
    unit: 'array',
    text: firstText(operations[0]),
    pinnable: false,
    mapError: (failure) => (failed ?? operations[operations.length - 1])?.mapError(failure) ?? failure,
    async perform (run) {
      failed = undefined
      if (access !== 'read' && !members.every(failsOnServer)) return performSteps(run, begin, (transaction) => runEach(transaction, operations, (operation) => { failed = operation }))
      const statements: Statement[] = []
      const owners: CompiledOperation[] = []
      for (const operation of operations) {
        for (const statement of statementsOf(operation, access === 'read' ? 'plain' : 'checked')) {
          statements.push(statement)
          owners.push(operation)
        }
      }
      try {
        const answer = await sendBatch(run, statements, begin)
        return { ...answer, decode: () => decodeEach(operations, answer.results) }
      } catch (error) {
        if (!(error instanceof BatchFailure)) throw error
        if (error.index !== undefined) failed = owners[error.index]
        throw error.failure
      }
    },
  }
}

function firstText (operation: CompiledOperation | undefined): string {
  const work = operation?.work
  return work?.type === 'statement' ? work.statement.text : work?.type === 'batch' ? work.statements[0]?.text ?? '' : ''
}

/** Methods whose `decode` throws for a missing row. */
const refusingMethods: ReadonlySet<string> = new Set(['findUniqueOrThrow', 'findFirstOrThrow', 'update', 'upsert', 'delete'])

/** Can it be sent together with the COMMIT? Only if no answer turns into an error after it, which should have undone the others. */
function failsOnServer ({ compiled: { work }, method }: ArrayMember): boolean {
  switch (work.type) {
    case 'statement': return work.checked !== undefined || !refusingMethods.has(method)
    case 'batch': return true
    case 'constant': return true
    default: {
      const never: never = work
      return never
    }
  }
}

function statementsOf (operation: CompiledOperation, form: 'plain' | 'checked'): readonly Statement[] {
  const { work } = operation
  if (work.type === 'batch') return work.statements
  if (work.type !== 'statement') return []
  return [form === 'checked' ? work.checked ?? work.statement : work.statement]
}

function decodeEach (operations: readonly CompiledOperation[], results: readonly QueryResult[]): unknown[] {
  let at = 0
  return operations.map(({ work }) => {
    if (work.type === 'statement') return work.decode(results[at++] as QueryResult) // one answer a statement
    if (work.type === 'batch') {
      const own = results.slice(at, at + work.statements.length)
      at += work.statements.length
      return work.decode(own)
    }
    return work.type === 'constant' ? work.value : undefined
  })
}

/** One after the other, each answer judged before the COMMIT. */
async function runEach (transaction: OpenTransaction, operations: readonly CompiledOperation[], onOperation: (operation: CompiledOperation) => void): Promise<unknown[]> {
  const values: unknown[] = []
  for (const operation of operations) {
    onOperation(operation)
    values.push(await runInTransaction(transaction, operation))
  }
  return values
}

/** One operation inside a transaction that somebody else opened and ends. */
export async function runInTransaction (transaction: OpenTransaction, operation: CompiledOperation): Promise<unknown> {
  const { work } = operation
  switch (work.type) {
    case 'statement': return work.decode(await transaction.query(work.statement))
    case 'batch': return work.decode(await transaction.batch(work.statements))
    case 'constant': return work.value
    default: {
      const never: never = work
      return never
    }
  }
}
