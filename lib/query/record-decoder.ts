// Values of a row → a record. The function is written for the shape it makes, as Fastify's own serializers are: a record
// record made by one literal has one hidden class and costs a quarter of one filled key by key (Node 20.20, 5 columns).
// What is written holds names of the schema alone, as JSON strings; values only pass through. Where the process forbids
// code from strings, records are filled key by key.

export type Decoder = (values: readonly unknown[]) => Record<string, unknown>

export interface RecordPart {
  readonly name: string
  /** How many values it takes; the next part begins behind them. */
  readonly width: number
  /** Of one value; `undefined` hands it on as it is. */
  readonly decode?: ((value: unknown) => unknown) | undefined
  /** Of several, from a position on. */
  readonly decodeAt?: ((values: readonly unknown[], at: number) => unknown) | undefined
}

type Factory = (...decoders: readonly unknown[]) => Decoder

export function recordDecoder (parts: readonly RecordPart[]): Decoder {
  const fields: string[] = []
  const names: string[] = []
  const decoders: unknown[] = []
  let at = 0
  for (const part of parts) {
    const variable = `d${decoders.length}`
    let value = `v[${at}]`
    if (part.decodeAt !== undefined) {
      value = `${variable}(v, ${at})`
      decoders.push(part.decodeAt)
      names.push(variable)
    } else if (part.decode !== undefined) {
      value = `${variable}(${value})`
      decoders.push(part.decode)
      names.push(variable)
    }
    fields.push(`${JSON.stringify(part.name)}: ${value}`)
    at += part.width
  }
  let factory: Factory
  try {
    // eslint-disable-next-line no-new-func
    factory = new Function(...names, `return (v) => ({ ${fields.join(', ')} })`) as unknown as Factory
  } catch (error) {
    if (error instanceof EvalError) return plainDecoder(parts)
    throw error
  }
  return factory(...decoders)
}

/** The same, key by key. */
export function plainDecoder (parts: readonly RecordPart[]): Decoder {
  return (values) => {
    const record: Record<string, unknown> = {}
    let at = 0
    for (const part of parts) {
      record[part.name] = part.decodeAt !== undefined ? part.decodeAt(values, at) : part.decode !== undefined ? part.decode(values[at]) : values[at]
      at += part.width
    }
    return record
  }
}
