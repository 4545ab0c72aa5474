// Runs after the last test file of a tap run: ends the shared clusters that no other run uses, and waits for it.

import { KeeperConnection, keeperSockets } from './shared-cluster-protocol.ts'

await Promise.all(keeperSockets().map(async (path) => {
  const keeper = await KeeperConnection.open(path)
  if (keeper === undefined) return
  await keeper.ask({ type: 'end-run', runPid: process.ppid }).catch(() => {})
  keeper.close()
}))
