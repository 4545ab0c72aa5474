// `npm run screenshots`: pictures of the dashboard and of the built documentation, in both themes, for the README and the
// site. Writes docs/public/{dashboard,site}-*.png.

import { mkdir } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { DashboardServer } from '../lib/demo/dashboard-server.ts'
import { DemoCluster } from '../lib/demo/demo-cluster.ts'
import { findChromium, openBrowser } from '../test/browser/chromium.ts'
import { serveSite } from '../test/browser/static-site.ts'

const target = new URL('../docs/public/', import.meta.url)
const base = '/fastify-multi-region/'
const found = findChromium()
if (found.type === 'missing') throw new Error(found.reason)
await mkdir(target, { recursive: true })

const site = await serveSite({ directory: fileURLToPath(new URL('../docs/.vitepress/dist/', import.meta.url)), base })
try {
  const browser = await openBrowser(found.path)
  try {
    for (const theme of ['light', 'dark'] as const) {
      const page = await browser.open(`${site.url}recipes/read-your-writes`, { theme, width: 1280, height: 860 })
      await page.locator('main h1').waitFor()
      await page.screenshot({ path: fileURLToPath(new URL(`site-${theme}.png`, target)) })
      await page.close()
    }
    if (browser.complaints.length > 0) throw new Error(browser.complaints.join('\n'))
  } finally {
    await browser.close()
  }
} finally {
  await site.close()
}

const demo = await DemoCluster.start({ regions: ['fra', 'iad', 'nrt'], progress: () => {} })
try {
  const dashboard = await DashboardServer.start(demo, { port: 0 })
  const browser = await openBrowser(found.path)
  try {
    const views = [
      { name: 'dashboard-light', theme: 'light', width: 1280, height: 1180 },
      { name: 'dashboard-dark', theme: 'dark', width: 1280, height: 1180 },
      { name: 'dashboard-small', theme: 'light', width: 390, height: 1100 },
    ] as const
    for (const { name, theme, width, height } of views) {
      // A fresh guestbook for each picture.
      await demo.open()
      const page = await browser.open(dashboard.url, { theme, width, height })
      page.setDefaultTimeout(40_000)
      await page.getByRole('tab', { name: /nrt/ }).click()
      for (const message of ['Hello from Tokyo', 'Still quick from here']) {
        await page.getByLabel('Message').fill(message)
        await page.getByRole('button', { name: 'Sign the guestbook' }).click()
        await page.locator('#entries li').first().getByText(message).waitFor()
      }
      await page.getByRole('button', { name: 'Compare' }).click()
      await page.getByText(/times as fast as query by query/).waitFor()
      await page.getByRole('button', { name: 'Sign the guestbook' }).focus()
      // Some of the curve, after the comparison has let the replica go.
      await page.locator('.legend').getByText(/nrt: [1-9]\d\d ms/).waitFor()
      await page.mouse.move(0, 0)
      await page.evaluate('document.activeElement?.blur(); scrollTo(0, 0)')
      await page.screenshot({ path: fileURLToPath(new URL(`${name}.png`, target)), ...(width > 500 && { fullPage: true }) })
      await page.close()
    }
    if (browser.complaints.length > 0) throw new Error(browser.complaints.join('\n'))
  } finally {
    await browser.close()
    await dashboard.close()
  }
} finally {
  await demo.close()
}
