export { buildNamed as build } from './fastify-postgres.js'
