// What code that came from Prisma finds under `Prisma`.
// Types that Prisma generates by name (`Prisma.UserWhereInput`) take the model as an argument here, since nothing is
// generated: `Prisma.WhereInput<'User'>`.

import type { DbNull, JsonNull } from '../query/json-null.ts'
import type { ModelName, ResultOf } from '../register.ts'

export { Decimal } from 'decimal.js'
export { KnownRequestError as PrismaClientKnownRequestError, QueryInvalidError as PrismaClientValidationError, UnknownRequestError as PrismaClientUnknownRequestError } from '../core/errors.ts'
export { AnyNull, DbNull, JsonNull } from '../query/json-null.ts'
export { empty, join, raw, sql, Sql } from '../query/sql.ts'
export { ModelName, NullsOrder, QueryMode, SortOrder, TransactionIsolationLevel } from './words.ts'

export type { BatchResult as BatchPayload } from '../query/args/methods.ts'
export type { Operation as PrismaPromise } from '../query/args/operation.ts'
export type { InputJsonArray, InputJsonObject, InputJsonValue, JsonArray, JsonObject, JsonValue } from '../schema/json.ts'
export type {
  AggregateArgs, CountArgs, CreateArgs, CreateInput, CreateManyAndReturnArgs, CreateManyArgs, DeleteArgs, DeleteManyArgs, FindFirstArgs, FindFirstOrThrowArgs, FindManyArgs, FindUniqueArgs,
  FindUniqueOrThrowArgs, GroupByArgs, Include, Omit, OrderByInput, OrderByInput as OrderByWithRelationInput, ScalarCreateInput, ScalarCreateInput as CreateManyInput, ScalarUpdateInput, Select, TransactionClient, UpdateArgs,
  UpdateInput, UpdateManyAndReturnArgs, UpdateManyArgs, UpsertArgs, WhereInput, WhereUniqueInput,
} from '../register.ts'

export type JsonNullValueInput = typeof JsonNull
export type NullableJsonNullValueInput = typeof DbNull | typeof JsonNull

/** `Prisma.GetPayload<'User', { include: { posts: true } }>` for Prisma's `Prisma.UserGetPayload<{ include: { posts: true } }>`. */
export type GetPayload<M extends ModelName, A = {}> = ResultOf<M, A>

/** Never thrown, here for the `instanceof` of code that came along: a database that is not there is P1001, whenever that shows. */
export class PrismaClientInitializationError extends Error {}
/** Never thrown, here for the `instanceof` of code that came along. */
export class PrismaClientRustPanicError extends Error {}

/** Checks an object against a type and gives it back, as `satisfies` does. */
export const validator = <T>() => <const A extends T>(args: A): A => args
