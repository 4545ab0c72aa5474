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

/** Runs `operation` from `callers` loops for `ms`; returns operations a second and latency quantiles in ms. */
export async function drive (operation, { callers, ms }) {
  const latencies = []
  const end = performance.now() + ms
  const started = performance.now()
  const loop = async (caller) => {
    for (let i = 0; ; i++) {
      const before = performance.now()
      if (before >= end) return
      await operation(caller, i)
      latencies.push(performance.now() - before)
    }
  }
  await Promise.all(Array.from({ length: callers }, (_, caller) => loop(caller)))
  const elapsed = performance.now() - started
  latencies.sort(byNumber)
  return { rate: latencies.length / elapsed * 1000, p50: quantile(latencies, 0.5), p95: quantile(latencies, 0.95), p99: quantile(latencies, 0.99) }
}

/**
 * @param contenders [{ name, run: () => Promise<{ rate, p50, p99 }> }]
 * @returns per contender: spread of rate, p50, p99 and of the ratios to the baseline in the same round
 */
export async function compare ({ contenders, baseline, rounds, seed, warmup = 1 }) {
  const next = random(seed)
  for (let i = 0; i < warmup; i++) for (const contender of contenders) await contender.run()
  const samples = new Map(contenders.map(({ name }) => [name, []]))
  for (let round = 0; round < rounds; round++) {
    for (const contender of shuffle(contenders, next)) samples.get(contender.name).push(await contender.run())
  }
  const base = samples.get(baseline)
  return contenders.map(({ name }) => {
    const own = samples.get(name)
    return {
      name,
      rate: spread(own.map((s) => s.rate)),
      p50: spread(own.map((s) => s.p50)),
      p99: spread(own.map((s) => s.p99)),
      rateRatio: spread(own.map((s, i) => s.rate / base[i].rate)),
      p99Ratio: spread(own.map((s, i) => s.p99 / base[i].p99)),
    }
  })
}
