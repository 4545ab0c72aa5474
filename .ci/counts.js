// Prints `passed failed skipped` from the last summary in what tap printed; exits 1 when there is none.
// tap's TAP output ends with a comment such as `# { total: 9, pass: 7, fail: 1, skip: 1 }`.

import { readFileSync } from 'node:fs'

const summaries = readFileSync(process.argv[2], 'utf8').match(/^# \{[^}]*total: \d+[^}]*\}$/gm)
const last = summaries?.at(-1)
if (last === undefined) process.exit(1)
const count = (word) => Number(new RegExp(`${word}: (\\d+)`).exec(last)?.[1] ?? 0)
if (count('total') === 0) process.exit(1)
console.log(count('pass'), count('fail'), count('skip'))
