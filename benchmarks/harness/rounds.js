// Interleaved measurement: in each round every contender runs once, in an order shuffled by the seed, so that a slow
// moment of the machine hits all. A ratio is taken within a round, against the baseline of the same round; the figure is
// the median over the rounds, with the least and the greatest beside it.

/** A small seeded generator (mulberry32): the same seed gives the same run order. */
export function random (seed) {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

export function shuffle (items, next) {
  const out = [...items]
  for (let i = out.length - 1; i > 0; i--) {
    const j = Math.floor(next() * (i + 1))
    ;[out[i], out[j]] = [out[j], out[i]]
  }
  return out
}

export function quantile (sorted, q) {
  if (sorted.length === 0) return NaN
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))]
}

const byNumber = (a, b) => a - b

export function spread (values) {
  const sorted = [...values].sort(byNumber)
  const middle = sorted.length >> 1
  const median = sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
  return { median, min: sorted[0], max: sorted.at(-1) }
}

/**
 * Runs `operation` from `callers` loops for `ms`.
 * @returns the latencies in ms, how long it took, and the microseconds of processor time that this process spent on it
 */
export async function drive (operation, { callers, ms }) {
  const latencies = []
  const cpuBefore = process.cpuUsage()
  const started = performance.now()
  const end = started + ms
  const loop = async (caller) => {
    for (let i = 0; ; i++) {
      const before = performance.now()
      if (before >= end) return
      await operation(caller, i)
      latencies.push(performance.now() - before)
    }
  }
  const loops = await Promise.allSettled(Array.from({ length: callers }, (_, caller) => loop(caller)))
  const failed = loops.find(({ status }) => status === 'rejected')
  if (failed !== undefined) throw failed.reason
  const elapsed = performance.now() - started
  const { user, system } = process.cpuUsage(cpuBefore)
  return { latencies, elapsed, cpu: user + system }
}

/** Several runs of `drive` as one figure: operations a second, latency quantiles in ms, processor time in µs an operation. */
export function summarize (runs) {
  const latencies = runs.flatMap((run) => run.latencies).sort(byNumber)
  const elapsed = runs.reduce((sum, run) => sum + run.elapsed, 0)
  const cpu = runs.reduce((sum, run) => sum + run.cpu, 0)
  return { rate: latencies.length / elapsed * 1000, p50: quantile(latencies, 0.5), p95: quantile(latencies, 0.95), p99: quantile(latencies, 0.99), cpu: cpu / latencies.length }
}

/**
 * @param contenders [{ name, run: (round) => Promise<{ rate, p50, p99, cpu? }> }], each of whose runs is one round; or with
 *   `slice: () => Promise<drive's result>`, of which a round takes `slices`, with the other contenders' between them: what
 *   else the machine does then hits all alike, although a round is long
 * @param mayFail a contender of that name whose operation fails is left out from then on, and said to have failed; any
 *   other ends the comparison
 * @returns per contender: spread of rate, p50, p99 and of the ratios to the baseline in the same round, or `failed`
 */
export async function compare ({ contenders, baseline, rounds, seed, slices = 1, warmup = 1, mayFail = () => false }) {
  const next = random(seed)
  const failures = new Map()
  let number = 0
  const run = async (contender) => {
    if (failures.has(contender.name)) return undefined
    try {
      return await (contender.slice ?? contender.run)(number)
    } catch (failure) {
      if (!mayFail(contender.name)) throw failure
      failures.set(contender.name, `${failure.code ?? failure.name}: ${String(failure.message).trim().split('\n').at(-1)}`)
      return undefined
    }
  }
  const round = async () => {
    const runs = new Map(contenders.map(({ name }) => [name, []]))
    for (let i = 0; i < slices; i++) {
      for (const contender of shuffle(contenders, next)) runs.get(contender.name).push(await run(contender))
    }
    number++
    return new Map(contenders.filter(({ name }) => !failures.has(name)).map(({ name, slice }) => [name, slice === undefined ? runs.get(name)[0] : summarize(runs.get(name))]))
  }
  for (let i = 0; i < warmup; i++) await round()
  const samples = []
  for (let i = 0; i < rounds; i++) samples.push(await round())
  return contenders.map(({ name }) => {
    if (failures.has(name)) return { name, failed: failures.get(name) }
    const over = (pick) => spread(samples.map((sample) => pick(sample.get(name), sample.get(baseline))))
    return {
      name,
      rate: over((own) => own.rate),
      p50: over((own) => own.p50),
      p99: over((own) => own.p99),
      rateRatio: over((own, base) => own.rate / base.rate),
      p99Ratio: over((own, base) => own.p99 / base.p99),
      ...(samples[0].get(name).cpu === undefined ? {} : { cpu: over((own) => own.cpu), cpuRatio: over((own, base) => own.cpu / base.cpu) }),
    }
  })
}
