#!/usr/bin/env node
// The command line `fastify-multi-region`: hands the arguments over and sets the exit code, so that pending output is not cut off.
import { runCommandLine } from './command-line.ts'

process.exitCode = await runCommandLine(process.argv.slice(2), {
  env: process.env,
  cwd: process.cwd(),
  out: (text) => { process.stdout.write(text) },
  err: (text) => { process.stderr.write(text) }
})
