// The pages that people read, and what is in them: links, headings, code.

import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('../../', import.meta.url))

export interface Block { readonly language: string, readonly text: string, readonly line: number, readonly isUserProject: boolean }
export interface Snippet { readonly path: string, readonly region: string | undefined }
export interface Page {
  /** From the root. */
  readonly path: string
  readonly text: string
  readonly isGenerated: boolean
  /** Without code. */
  readonly prose: string
  readonly links: readonly string[]
  readonly anchors: ReadonlySet<string>
  readonly blocks: readonly Block[]
  readonly snippets: readonly Snippet[]
}

export function readPages (): Page[] {
  const docs = readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md') && !name.includes('.vitepress') && !name.includes('node_modules'))
    .map((name) => join('docs', name))
  const top = readdirSync(root).filter((name) => name.endsWith('.md'))
  return [...top, ...docs].sort().map(readPage)
}

function readPage (path: string): Page {
  const text = readFileSync(join(root, path), 'utf8')
  const blocks: Block[] = []
  const withoutBlocks = text.replace(/((?:<!-- check: user-project -->\n)?)^```(\w*)[^\n]*\n([^]*?)^```$/gm, (_match, mark: string, language: string, body: string, at: number) => {
    blocks.push({ language, text: body, line: text.slice(0, at).split('\n').length, isUserProject: mark !== '' })
    return ''
  })
  const prose = withoutBlocks.replace(/(`+)[^]*?\1/g, '')
  return {
    path,
    text,
    isGenerated: text.startsWith('<!-- Generated'),
    prose,
    // A link may have code as its text.
    links: [...withoutBlocks.matchAll(/\]\(([^)\s]+)\)/g), ...withoutBlocks.matchAll(/^\s+link: (\S+)$/gm)].map(([, target = '']) => target),
    anchors: new Set([...withoutBlocks.matchAll(/^#{1,6} (.+)$/gm)].map(([, heading = '']) => slugOf(heading))),
    blocks,
    snippets: [...withoutBlocks.matchAll(/^<<< (\S+?)(?:#([\w*-]+))?(?:\{[^}]*\})?$/gm)].map(([, target = '', region]) => ({ path: relative(root, join(root, path, '..', target)), region })),
  }
}

/** As VitePress makes them (@mdit-vue/shared). */
function slugOf (heading: string): string {
  return heading.replace(/`/g, '').normalize('NFKD').replace(/[\u0300-\u036f]/g, '')
    // Control characters are among those that VitePress drops.
    .replace(/[\s~`!@#$%^&*()\-_+=[\]{}|\\;:"'“”‘’<>,.?/]+/g, '-')
    .replace(/-{2,}/g, '-').replace(/^-+|-+$/g, '').replace(/^(\d)/, '_$1').toLowerCase()
}

/** Lines of a region, as VitePress takes them; undefined where there is none. */
export function regionOf (path: string, region: string): string | undefined {
  const lines = readFileSync(join(root, path), 'utf8').split('\n')
  const mark = (word: string): number => lines.findIndex((line) => new RegExp(`^(?://|#) ?#?${word} ${region}$`).test(line.trim()))
  const start = mark('region')
  const end = mark('endregion')
  return start === -1 || end <= start ? undefined : lines.slice(start + 1, end).join('\n')
}
