// The loader for machines without wrk: `node socket-loader.js <file>`. Raw sockets, requests built once, and of an answer
// only the status line and content-length are looked at; so it costs a small part of what the server under test does.

import { readFileSync } from 'node:fs'
import { connect } from 'node:net'

const { port, connections, seconds, requests } = JSON.parse(readFileSync(process.argv[2], 'utf8'))

const packets = requests.map(({ method, path, headers, body }) => {
  const lines = [`${method} ${path} HTTP/1.1`, `host: 127.0.0.1:${port}`, ...Object.entries(headers).map(([k, v]) => `${k}: ${v}`)]
  if (body !== undefined) lines.push(`content-length: ${Buffer.byteLength(body)}`)
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n${body ?? ''}`)
})

const latencies = []
let errors = 0
let turn = 0
const started = performance.now()
const end = started + seconds * 1000

const caller = () => new Promise((resolve) => {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  let sentAt = 0
  let pending = ''
  const send = () => {
    if (performance.now() >= end) return socket.end()
    sentAt = performance.now()
    socket.write(packets[turn++ % packets.length])
  }
  socket.setEncoding('latin1') // one character a byte, so that content-length can be compared
  socket.on('connect', send)
  socket.on('data', (chunk) => {
    pending = pending === '' ? chunk : pending + chunk
    const head = pending.indexOf('\r\n\r\n')
    if (head < 0) return
    const length = /\r\ncontent-length: (\d+)/i.exec(pending.slice(0, head))
    if (length === null) { errors++; socket.destroy(); return }
    if (pending.length < head + 4 + Number(length[1])) return
    latencies.push(performance.now() - sentAt)
    if (pending.charCodeAt(9) !== 50) errors++ // not 2xx
    pending = ''
    send()
  })
  socket.on('error', () => { errors++ })
  socket.on('close', resolve)
})

await Promise.all(Array.from({ length: connections }, caller))
const elapsed = (performance.now() - started) / 1000
latencies.sort((a, b) => a - b)
const at = (q) => latencies[Math.min(latencies.length - 1, Math.floor(q * latencies.length))] ?? 0
console.log(JSON.stringify({ requests: latencies.length, seconds: elapsed, p50: at(0.5), p95: at(0.95), p99: at(0.99), errors }))
