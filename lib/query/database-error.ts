// A refusal by the server → Prisma's code and meta. By SQLSTATE and the server's own fields, never by its message.

import { DriverFailure } from '../core/driver-failure.ts'
import { KnownRequestError } from '../core/errors.ts'
import type { ResolvedModel } from './model.ts'

const messages = new Map<string, string>([
  ['P2000', 'The provided value is too long for its column.'],
  ['P2002', 'A unique constraint failed.'],
  ['P2003', 'A foreign key constraint failed.'],
  ['P2007', 'A value is not valid for the type of its column.'],
  ['P2010', 'The raw query failed.'],
  ['P2011', 'A null constraint failed.'],
  ['P2020', 'A value is out of the range of its column.'],
  ['P2021', 'The table does not exist in the database.'],
  ['P2022', 'The column does not exist in the database.'],
  ['P2034', 'The transaction failed due to a write conflict or a deadlock; try it again.'],
  ['P2039', 'The database refused the statement.'],
])

function codeOf (sqlState: string): string {
  switch (sqlState) {
    case '22001': return 'P2000'
    case '23505': return 'P2002'
    case '23503': case '23001': return 'P2003'
    case '22P02': return 'P2007'
    case '23502': return 'P2011'
    case '22003': return 'P2020'
    case '42P01': return 'P2021'
    case '42703': return 'P2022'
    case '40001': case '40P01': return 'P2034'
    default: return 'P2039'
  }
}

/** PostgreSQL 18 tells ON DELETE RESTRICT apart (23001); `catch` blocks know one code for a key that is in use. */
const callersCode = (sqlState: string): string => sqlState === '23001' ? '23503' : sqlState

// `Key (a, b)=(1, 2) already exists.`, in whatever language: the parentheses are the same in all.
const keyDetail = /\((.+?)\)=\(/s

/** The fields of the constraint: its columns as `detail` names them, in the model's words where it knows them. */
function constraintFields (model: ResolvedModel | undefined, failure: DriverFailure): string[] | undefined {
  const columns = failure.column ?? (failure.detail === undefined ? undefined : keyDetail.exec(failure.detail)?.[1])
  if (columns === undefined) return undefined
  // An index on an expression has no columns to name.
  if (failure.column === undefined && columns.includes('(')) return [columns]
  return columns.split(',').map((part) => {
    const name = part.trim().replace(/^"(.*)"$/, '$1').replaceAll('""', '"')
    return model?.columnsByDatabaseName.get(name)?.name ?? name
  })
}

/** The table on which the constraint is need not be the model that was called: nested writes touch others. */
function modelOfTable (model: ResolvedModel, table: string | undefined): ResolvedModel {
  if (table === undefined || table === model.tableName) return model
  const seen = new Set<ResolvedModel>([model])
  for (const candidate of seen) {
    if (candidate.tableName === table) return candidate
    for (const relation of candidate.relations) seen.add(relation.target)
  }
  return model
}

function isServerFailure (failure: Error): failure is DriverFailure {
  return failure instanceof DriverFailure && failure.kind === 'server'
}

/** What `mapError` of an operation on a model is. Failures that are not the server's word (a lost connection) stay what they are. */
export function errorMapper (model: ResolvedModel): (failure: Error) => Error {
  return (failure) => {
    if (!isServerFailure(failure)) return failure
    const code = codeOf(failure.code)
    if (code === 'P2039' && isBelow(failure.code)) return failure
    const holder = modelOfTable(model, failure.table)
    const target = code === 'P2002' || code === 'P2003' || code === 'P2011' ? constraintFields(holder, failure) : undefined
    return new KnownRequestError(messages.get(code) as string, {
      code,
      meta: {
        modelName: code === 'P2002' ? holder.name : model.name,
        ...(target === undefined ? {} : { target, field_name: target.join(', ') }),
        ...(failure.constraint === undefined ? {} : { constraint: failure.constraint }),
        dbCode: callersCode(failure.code),
      },
      cause: failure,
    })
  }
}

/** Failures that the layers below judge by themselves: roles, resources, connections, cancellations. */
function isBelow (sqlState: string): boolean {
  return sqlState.startsWith('08') || sqlState.startsWith('53') || sqlState.startsWith('57') || sqlState.startsWith('25') || sqlState.startsWith('0A') || sqlState.startsWith('55') || sqlState.startsWith('XX')
}

/** What `mapError` of a raw query is: P2010 with the server's code, as Prisma has it. */
export function rawErrorMapper (): (failure: Error) => Error {
  return (failure) => {
    if (!isServerFailure(failure) || isBelow(failure.code)) return failure
    if (failure.code === '40001' || failure.code === '40P01') return new KnownRequestError(messages.get('P2034') as string, { code: 'P2034', meta: { dbCode: failure.code }, cause: failure })
    return new KnownRequestError(messages.get('P2010') as string, {
      code: 'P2010',
      meta: { dbCode: failure.code, code: failure.code, ...(failure.constraint === undefined ? {} : { constraint: failure.constraint }) },
      cause: failure,
    })
  }
}
