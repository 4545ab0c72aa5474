// One instance of the app as a process of its own: for faults that stop or kill the process.

import process from 'node:process'
import { buildApp } from './app.ts'

const { FAULTS_REGION = '', FAULTS_PRIMARY = '', FAULTS_DATABASE = '{}', FAULTS_PLUGIN = '{}', PORT, HOST = '127.0.0.1' } = process.env

const app = await buildApp({ region: FAULTS_REGION, primaryRegion: FAULTS_PRIMARY, database: JSON.parse(FAULTS_DATABASE), plugin: JSON.parse(FAULTS_PLUGIN) })
process.once('SIGTERM', () => { app.close().then(() => process.exit(0), () => process.exit(1)) })
await app.listen({ port: Number(PORT), host: HOST })
