// Prints the scripts that .ci/run calls besides tests and package checks: those of package.json that begin with `ci:`.
// They are the long programs in their short form; each exits non-zero on a breach of what it promises.

import { readFileSync } from 'node:fs'

const { scripts } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
console.log(Object.keys(scripts).filter((name) => name.startsWith('ci:')).join('\n'))
