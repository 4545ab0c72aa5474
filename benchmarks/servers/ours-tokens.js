import { build as buildOurs } from './ours.js'

/** The same with session consistency: tokens are read, and set on writes. */
export const build = (url) => buildOurs(url, { token: { key: Buffer.alloc(32, 7), mode: 'lsn' } })
