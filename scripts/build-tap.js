// Before the tests: tap without its own loader of TypeScript (.taprc), once an install. A run that finds tap built
// otherwise builds it too, but is itself still the old one, and its files pay for two loaders.

import { spawnSync } from 'node:child_process'
import process from 'node:process'
import { importLoaders } from '@tapjs/test'

if (importLoaders.length > 0) process.exitCode = spawnSync('tap', ['build'], { stdio: 'inherit', shell: process.platform === 'win32' }).status ?? 1
