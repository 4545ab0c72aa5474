// Names for what a database calls otherwise: `user_profiles` is the model `UserProfile`, `created_at` the field `createdAt`. A guess that reads wrong is corrected once, by hand: the next pull keeps the correction.

/** Names that mean something else in a query, or on an object. */
const reserved = new Set(['AND', 'OR', 'NOT', 'is', 'isNot', '_all', '_count', '_sum', '_avg', '_min', '_max', 'then', 'catch', 'finally', 'constructor', 'prototype', '__proto__'])

/** What `const` cannot be called. */
const reservedConstants = new Set(['Object', 'Array', 'String', 'Number', 'Boolean', 'Symbol', 'Promise', 'Date', 'Map', 'Set', 'Error', 'Function', 'Uint8Array', 'Record'])

function words (name: string): string[] {
  return name
    .replaceAll(/([\p{Ll}\p{N}])(\p{Lu})/gu, '$1 $2')
    .replaceAll(/(\p{Lu})(\p{Lu}\p{Ll})/gu, '$1 $2')
    .split(/[^\p{L}\p{N}]+/u)
    .filter((word) => word !== '')
}

function capitalised (word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1).toLowerCase()
}

function pascal (parts: readonly string[]): string {
  const name = parts.map(capitalised).join('')
  return /^\p{N}/u.test(name) || name === '' ? `_${name}` : name
}

export function camelCase (name: string): string {
  const pascalName = pascal(words(name))
  const made = pascalName.charAt(0).toLowerCase() + pascalName.slice(1)
  return reserved.has(made) ? `${made}_` : made
}

export function modelName (table: string): string {
  const parts = words(table)
  const last = parts.at(-1)
  const made = pascal(last === undefined ? parts : [...parts.slice(0, -1), singular(last)])
  return reservedConstants.has(made) ? `${made}Row` : made
}

/** Where two tables would give one model's name, as `user` and `users`. */
export function unchangedModelName (table: string): string {
  return pascal(words(table))
}

export function enumName (type: string): string {
  const made = pascal(words(type))
  return reservedConstants.has(made) ? `${made}Enum` : made
}

const irregular: readonly (readonly [singular: string, plural: string])[] = [
  ['person', 'people'], ['child', 'children'], ['man', 'men'], ['woman', 'women'], ['datum', 'data'], ['medium', 'media'],
  ['criterion', 'criteria'], ['analysis', 'analyses'], ['basis', 'bases'], ['crisis', 'crises'], ['diagnosis', 'diagnoses'], ['index', 'indices'],
  ['movie', 'movies'], ['cookie', 'cookies'], ['zombie', 'zombies'], ['tie', 'ties'], ['pie', 'pies'], ['lie', 'lies'], ['die', 'dies'],
  ['shoe', 'shoes'], ['leaf', 'leaves'], ['shelf', 'shelves'], ['half', 'halves'], ['hero', 'heroes'], ['bus', 'buses'], ['lens', 'lenses'],
  ['cache', 'caches'], ['quiz', 'quizzes'], ['axis', 'axes'], ['virus', 'viruses'], ['status', 'statuses'], ['bonus', 'bonuses'], ['campus', 'campuses']
]
const uncountable = new Set(['data', 'media', 'news', 'series', 'species', 'equipment', 'information', 'settings', 'metadata', 'staff', 'feedback', 'inventory', 'analytics', 'status', 'address', 'sms', 'aws', 'dns', 'https', 'gps', 'css', 'rss', 'is', 'has', 'was', 'this', 'always', 'canvas', 'atlas', 'alias', 'bias', 'gas'])

export function singular (word: string): string {
  const lower = word.toLowerCase()
  if (uncountable.has(lower)) return word
  const known = irregular.find(([, plural]) => plural === lower)
  if (known !== undefined) return known[0]
  if (/(?:ss|us|is)$/.test(lower)) return word
  if (/[^aeiou]ies$/.test(lower)) return `${word.slice(0, -3)}y`
  if (/(?:ss|sh|ch|x|zz)es$/.test(lower)) return word.slice(0, -2)
  return lower.endsWith('s') && lower.length > 2 ? word.slice(0, -1) : word
}

/** Of a camelCase name: its last word. */
export function plural (name: string): string {
  const at = name.search(/\p{Lu}[^\p{Lu}]*$/u)
  const [before, last] = at <= 0 ? ['', name] : [name.slice(0, at), name.slice(at)]
  const lower = last.toLowerCase()
  const known = irregular.find(([one]) => one === lower)
  if (known !== undefined) return before + (before === '' ? known[1] : capitalised(known[1]))
  if (irregular.some(([, many]) => many === lower) || (uncountable.has(lower) && !['status', 'address', 'alias', 'canvas', 'atlas', 'bias', 'gas'].includes(lower))) return name
  if (/[^aeiou]y$/.test(lower)) return `${name.slice(0, -1)}ies`
  return /(?:s|sh|ch|x|z)$/.test(lower) ? `${name}es` : `${name}s`
}

/** `author_id` → `author`; `authorUuid` → `author`; a column that does not say that it is a key gives nothing. */
export function relationOfColumn (column: string): string | undefined {
  const parts = words(column)
  const last = parts.at(-1)?.toLowerCase()
  if (parts.length < 2 || last === undefined || !['id', 'uuid', 'fk', 'key', 'code', 'no', 'ref'].includes(last)) return undefined
  return camelCase(parts.slice(0, -1).join('_'))
}

/** The first free one of `name`, `name2`, `name3` … */
export function freeName (name: string, taken: (name: string) => boolean): string {
  if (!taken(name)) return name
  for (let number = 2; ; number++) {
    if (!taken(`${name}${number}`)) return `${name}${number}`
  }
}
