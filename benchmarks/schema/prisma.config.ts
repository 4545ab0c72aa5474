import { defineConfig } from 'prisma/config'

// Only `generate` runs here; it opens no connection.
export default defineConfig({ schema: 'schema.prisma', datasource: { url: 'postgres://unused' } })
