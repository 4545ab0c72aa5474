// Examples import the package by its name. In a checkout that name leads to `dist`, which may be old or missing; here
// it leads to `lib`, so that an example and its test run the same code.

import { register } from 'node:module'

const lib = new URL('../../lib/', import.meta.url).href
const entries = {
  'fastify-multi-region': `${lib}index.ts`,
  'fastify-multi-region/schema': `${lib}schema/index.ts`,
  'fastify-multi-region/prisma': `${lib}prisma/index.ts`,
  'fastify-multi-region/testing': `${lib}testing/index.ts`,
}

register(`data:text/javascript,${encodeURIComponent(`
const entries = ${JSON.stringify(entries)}
export const resolve = (specifier, context, next) => next(Object.hasOwn(entries, specifier) ? entries[specifier] : specifier, context)
`)}`)
