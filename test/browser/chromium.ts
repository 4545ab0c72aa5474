// Chromium for the tests: the distribution's, which is installed when it is missing and that is allowed; otherwise
// the tests say why they are skipped.

import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium, type BrowserContext, type Page } from 'playwright-core'

const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome', '/Applications/Chromium.app/Contents/MacOS/Chromium', '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome']
const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync']

export type Found = { readonly type: 'found', readonly path: string } | { readonly type: 'missing', readonly reason: string }

/** CHROMIUM_PATH, else what is installed, else what apt-get can install for root. */
export function findChromium (): Found {
  const wanted = process.env['CHROMIUM_PATH']
  if (wanted) return existsSync(wanted) ? { type: 'found', path: wanted } : { type: 'missing', reason: `CHROMIUM_PATH is "${wanted}", and there is no such file` }
  const installed = PLACES.find((path) => existsSync(path))
  if (installed !== undefined) return { type: 'found', path: installed }
  if (process.platform !== 'linux' || process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) {
    return { type: 'missing', reason: 'no Chromium is installed, and only root with apt-get can install one here; set CHROMIUM_PATH to a browser' }
  }
  try {
    const options = { stdio: 'ignore', timeout: 300_000, env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } } as const
    execFileSync('apt-get', ['update', '-q'], options)
    execFileSync('apt-get', ['install', '-qy', '--no-install-recommends', 'chromium'], options)
  } catch (failure) {
    return { type: 'missing', reason: `no Chromium is installed, and apt-get could not install it (${failure instanceof Error ? failure.message : String(failure)}); set CHROMIUM_PATH to a browser` }
  }
  const now = PLACES.find((path) => existsSync(path))
  return now === undefined ? { type: 'missing', reason: 'apt-get installed no Chromium; set CHROMIUM_PATH to a browser' } : { type: 'found', path: now }
}

export interface Window {
  readonly context: BrowserContext
  /** Errors and warnings of the console, uncaught errors, and requests that failed or left this machine. */
  readonly complaints: string[]
  open (url: string, options?: PageOptions): Promise<Page>
  close (): Promise<void>
}

export interface PageOptions {
  readonly width?: number
  readonly height?: number
  readonly theme?: 'light' | 'dark'
}

/** A browser with a profile of its own. */
export async function openBrowser (path: string): Promise<Window> {
  const profile = await mkdtemp(join(tmpdir(), 'multi-region-browser-'))
  const context = await chromium.launchPersistentContext(profile, { executablePath: path, headless: true, args: FLAGS, reducedMotion: 'reduce' })
  const complaints: string[] = []
  return {
    context,
    complaints,
    async open (url, { width = 1280, height = 900, theme = 'light' } = {}) {
      const page = await context.newPage()
      await page.setViewportSize({ width, height })
      await page.emulateMedia({ colorScheme: theme, reducedMotion: 'reduce' })
      page.on('console', (message) => { if (['error', 'warning'].includes(message.type())) complaints.push(`${url}: console: ${message.text()}`) })
      page.on('pageerror', (failure) => complaints.push(`${url}: uncaught: ${failure.message}`))
      page.on('request', (request) => { if (!/^(?:data|blob|http:\/\/(?:127\.0\.0\.1|localhost)[:/])/.test(request.url())) complaints.push(`${url}: asks for ${request.url()}`) })
      page.on('response', (response) => { if (response.status() >= 400) complaints.push(`${response.url()}: ${response.status()}`) })
      await page.goto(url)
      return page
    },
    async close () {
      await context.close()
      await rm(profile, { recursive: true, force: true, maxRetries: 3 })
    },
  }
}

const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

interface Finding { readonly id: string, readonly impact: string | null, readonly nodes: readonly { readonly target: readonly unknown[], readonly failureSummary?: string }[] }

/** What axe-core finds of serious or critical weight, one line each. */
export async function seriousFindings (page: Page): Promise<string[]> {
  // Evaluated, not added as a script: the page's own policy forbids foreign ones.
  await page.evaluate(axeSource)
  const violations = await page.evaluate('axe.run(document, { resultTypes: ["violations"] }).then(({ violations }) => violations)') as Finding[]
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) => `${id}: ${target.join(' ')}: ${failureSummary ?? ''}`))
}

/** Whether the page is wider than the window. */
export async function overflowsSideways (page: Page): Promise<boolean> {
  return await page.evaluate('document.documentElement.scrollWidth > document.documentElement.clientWidth') as boolean
}
