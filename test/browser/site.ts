// The built documentation in a real browser: navigation, search, both themes, a small screen. `npm run docs:build`
// makes what is served here; DOCS_DIST names another place.

import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import t from 'tap'
import { findChromium, openBrowser, overflowsSideways, seriousFindings } from './chromium.ts'
import { serveSite } from './static-site.ts'

const directory = resolve(process.env['DOCS_DIST'] ?? join(import.meta.dirname, '../../docs/.vitepress/dist'))
const base = process.env['DOCS_BASE'] ?? '/fastify-multi-region/'
// The site builder's own button, whose shortcut is written beside its name.
const OF_THE_BUILDER = /^label-content-name-mismatch: \.DocSearch/
const found = findChromium()

await t.test('the documentation', { skip: found.type === 'missing' ? found.reason : false }, async (t) => {
  if (found.type === 'missing') return
  t.ok(existsSync(join(directory, 'index.html')), 'the site is built')
  const site = await serveSite({ directory, base })
  t.teardown(async () => await site.close())
  const browser = await openBrowser(found.path)
  t.teardown(async () => await browser.close())
  const page = await browser.open(site.url)
  page.setDefaultTimeout(15_000)

  await t.test('each part is reached from the navigation, and each page of it from the side', async (t) => {
    const parts = await page.locator('.VPNavBarMenu a.VPNavBarMenuLink').evaluateAll((links) => links.map((link) => (link as unknown as { href: string }).href))
    t.ok(parts.length >= 4, `${parts.length} parts`)
    for (const part of parts) {
      await page.goto(part)
      t.ok(await page.locator('main h1').first().isVisible(), `${part} has a title`)
      const pages = await page.locator('aside.VPSidebar a').evaluateAll((links) => links.map((link) => (link as unknown as { href: string }).href))
      t.ok(pages.length > 0, `${part} lists its pages`)
    }
    const second = page.locator('aside.VPSidebar a').nth(1)
    const title = await second.textContent()
    await second.click()
    await page.locator('aside.VPSidebar .is-active', { hasText: title ?? '' }).first().waitFor()
    t.ok(await page.locator('main h1').first().isVisible())
  })

  await t.test('search answers from the page itself, by keyboard', async (t) => {
    // Idle: the page hears keys once its scripts run.
    await page.goto(site.url, { waitUntil: 'networkidle' })
    await page.keyboard.press('ControlOrMeta+k')
    await page.locator('#localsearch-input').fill('replay')
    const result = page.locator('#localsearch-list a.result').first()
    await result.waitFor()
    const address = await result.getAttribute('href')
    await page.keyboard.press('Enter')
    await page.waitForURL((url) => url.pathname + url.hash === address)
    await page.locator('main h1').first().waitFor()
  })

  for (const look of [{ name: 'light', theme: 'light', width: 1280 }, { name: 'dark', theme: 'dark', width: 1280 }, { name: 'small', theme: 'light', width: 360 }] as const) {
    await t.test(`nothing serious for axe-core, nothing beyond the edge: ${look.name}`, async (t) => {
      const links = [site.url, ...await page.locator('.VPNavBarMenu a.VPNavBarMenuLink').evaluateAll((all) => all.map((link) => (link as unknown as { href: string }).href))]
      for (const url of new Set(links)) {
        const seen = await browser.open(url, { theme: look.theme, width: look.width })
        t.same((await seriousFindings(seen)).filter((finding) => !OF_THE_BUILDER.test(finding)), [], url)
        t.notOk(await overflowsSideways(seen), url)
        await seen.close()
      }
    })
  }

  await t.test('the console is silent, and nothing was asked of another machine', async (t) => {
    t.same(browser.complaints, [])
  })
})
