// Where the demo's regions lie, and how long a round trip between two of them takes.

/** A region's place on the globe. */
export interface Place {
  readonly city: string
  readonly latitude: number
  readonly longitude: number
}

// Codes of Fly.io's regions, which are those of airports.
const PLACES: Readonly<Record<string, Place>> = {
  ams: { city: 'Amsterdam', latitude: 52.3, longitude: 4.8 },
  arn: { city: 'Stockholm', latitude: 59.7, longitude: 17.9 },
  bom: { city: 'Mumbai', latitude: 19.1, longitude: 72.9 },
  cdg: { city: 'Paris', latitude: 49, longitude: 2.5 },
  dfw: { city: 'Dallas', latitude: 32.9, longitude: -97 },
  ewr: { city: 'Secaucus', latitude: 40.7, longitude: -74.2 },
  fra: { city: 'Frankfurt', latitude: 50, longitude: 8.6 },
  gru: { city: 'São Paulo', latitude: -23.4, longitude: -46.5 },
  iad: { city: 'Ashburn', latitude: 38.9, longitude: -77.5 },
  jnb: { city: 'Johannesburg', latitude: -26.1, longitude: 28.2 },
  lax: { city: 'Los Angeles', latitude: 33.9, longitude: -118.4 },
  lhr: { city: 'London', latitude: 51.5, longitude: -0.5 },
  nrt: { city: 'Tokyo', latitude: 35.8, longitude: 140.4 },
  ord: { city: 'Chicago', latitude: 42, longitude: -87.9 },
  sin: { city: 'Singapore', latitude: 1.4, longitude: 104 },
  sjc: { city: 'San Jose', latitude: 37.4, longitude: -121.9 },
  syd: { city: 'Sydney', latitude: -33.9, longitude: 151.2 },
  yyz: { city: 'Toronto', latitude: 43.7, longitude: -79.6 },
}

/** Round trips as one meets them; cables do not follow great circles. */
const MEASURED_MS: Readonly<Record<string, number>> = { 'fra-iad': 90, 'fra-nrt': 230, 'iad-nrt': 160 }

const EARTH_RADIUS_KM = 6_371
/** From the measured pairs: 0.014 to 0.025 ms a kilometre of great circle, there and back. */
const MS_PER_KM = 0.016
/** Of a region that has no place here. */
const UNKNOWN_MS = 120

export function placeOf (region: string): Place | undefined {
  return Object.hasOwn(PLACES, region) ? PLACES[region] : undefined
}

/** Milliseconds there and back between two regions. */
export function roundTripMs (from: string, to: string): number {
  if (from === to) return 0
  const measured = MEASURED_MS[`${from}-${to}`] ?? MEASURED_MS[`${to}-${from}`]
  if (measured !== undefined) return measured
  const [a, b] = [placeOf(from), placeOf(to)]
  return a === undefined || b === undefined ? UNKNOWN_MS : Math.round(greatCircleKm(a, b) * MS_PER_KM / 5 + 1) * 5
}

/** By pair, as `startCluster` takes it. */
export function roundTrips (regions: readonly string[]): Record<string, number> {
  const pairs: Record<string, number> = {}
  for (const [index, from] of regions.entries()) {
    for (const to of regions.slice(index + 1)) pairs[`${from}-${to}`] = roundTripMs(from, to)
  }
  return pairs
}

function greatCircleKm (a: Place, b: Place): number {
  const radians = (degrees: number): number => degrees * Math.PI / 180
  const dLatitude = radians(b.latitude - a.latitude)
  const dLongitude = radians(b.longitude - a.longitude)
  const h = Math.sin(dLatitude / 2) ** 2 + Math.cos(radians(a.latitude)) * Math.cos(radians(b.latitude)) * Math.sin(dLongitude / 2) ** 2
  return 2 * EARTH_RADIUS_KM * Math.asin(Math.min(1, Math.sqrt(h)))
}
