// Package entry `fastify-multi-region/prisma`: the names that code written for Prisma imports.

export { Decimal } from 'decimal.js'
export * as Prisma from './prisma.ts'
export { PrismaClient } from './prisma-client.ts'
