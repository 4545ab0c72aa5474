// Before the tests: tap without its own loader of TypeScript (.taprc), once an install. A run that finds tap built
// otherwise builds it too, but is itself still the old one, and its files pay for two loaders.

import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import process from 'node:process'

// Read, not imported: it is no entry of its own.
const built = readFileSync(new URL(import.meta.resolve('@tapjs/test/test-built')), 'utf8')
if (built.includes('@tapjs/typescript')) process.exitCode = spawnSync('tap', ['build'], { stdio: 'inherit', shell: process.platform === 'win32' }).status ?? 1
