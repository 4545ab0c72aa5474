// What the build carries into dist beside compiled code: the guestbook's table, and the dashboard's files.
import { cpSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = new URL('../', import.meta.url)
for (const [from, to] of [['examples/guestbook/schema.sql', 'dist/guestbook/schema.sql'], ['lib/demo/dashboard', 'dist/demo/dashboard']]) {
  cpSync(fileURLToPath(new URL(from, root)), fileURLToPath(new URL(to, root)), { recursive: true })
}
