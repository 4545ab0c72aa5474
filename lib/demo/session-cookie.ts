// What a browser would send back of the cookies that an answer sets.

import type { IncomingHttpHeaders } from 'node:http'

/** As a `cookie` header; undefined when the answer sets none. */
export function sessionCookie (headers: IncomingHttpHeaders): string | undefined {
  const cookies = (headers['set-cookie'] ?? []).map((line) => line.split(';', 1)[0] ?? '')
  return cookies.length === 0 ? undefined : cookies.join('; ')
}
