// Numbers from samples.

export function percentile (samples: readonly number[], share: number): number {
  if (samples.length === 0) return Number.NaN
  const sorted = Float64Array.from(samples).sort()
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] as number // within bounds
}

export const median = (samples: readonly number[]): number => percentile(samples, 0.5)

/**
 * What one way costs more than the other, from samples taken in turn: the median over blocks, so that a moment in
 * which the machine was busy with something else counts once.
 */
export function addedCost (with_: readonly number[], without: readonly number[], share: number, block = 250): number {
  const differences: number[] = []
  for (let from = 0; from + block <= with_.length; from += block) {
    differences.push(percentile(with_.slice(from, from + block), share) - percentile(without.slice(from, from + block), share))
  }
  return median(differences.length > 0 ? differences : [percentile(with_, share) - percentile(without, share)])
}
