// `npm run screenshots`: pictures of the dashboard, in both themes, for the README and the documentation.
// Writes docs/public/dashboard-*.png.

import { mkdir } from 'node:fs/promises'
import { DashboardServer } from '../lib/demo/dashboard-server.ts'
import { DemoCluster } from '../lib/demo/demo-cluster.ts'
import { findChromium, openBrowser } from '../test/browser/chromium.ts'

const target = new URL('../docs/public/', import.meta.url)
const found = findChromium()
if (found.type === 'missing') throw new Error(found.reason)

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
    await mkdir(target, { recursive: true })
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
      await page.screenshot({ path: new URL(`${name}.png`, target).pathname, ...(width > 500 && { fullPage: true }) })
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
