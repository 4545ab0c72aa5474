// The dashboard in a real browser: its main flows, by mouse and by keyboard, in both themes and on a small screen.

import t from 'tap'
import { DashboardServer } from '../../lib/demo/dashboard-server.ts'
import { DemoCluster } from '../../lib/demo/demo-cluster.ts'
import { findChromium, openBrowser, overflowsSideways, seriousFindings } from './chromium.ts'

const found = findChromium()

await t.test('the dashboard', { skip: found.type === 'missing' ? found.reason : false }, async (t) => {
  if (found.type === 'missing') return
  const demo = await DemoCluster.start({ regions: ['fra', 'iad', 'nrt'], progress: () => {} })
  t.teardown(async () => await demo.close())
  const dashboard = await DashboardServer.start(demo, { port: 0 })
  t.teardown(async () => await dashboard.close())
  const browser = await openBrowser(found.path)
  t.teardown(async () => await browser.close())
  const page = await browser.open(dashboard.url)
  page.setDefaultTimeout(20_000)
  const verdict = page.locator('#verdict')

  await t.test('a user in nrt signs, and sees the way of the request and the own post', async (t) => {
    await page.getByRole('tab', { name: /nrt/ }).click()
    t.equal(await page.getByRole('tab', { selected: true }).textContent(), 'nrt · Tokyo')
    await page.getByLabel('Message').fill('Konnichiwa')
    await page.getByRole('button', { name: 'Sign the guestbook' }).click()
    await page.getByText('You see your own post.').waitFor()
    t.match(await verdict.textContent(), /Signed in \d+ ms by a replay/)
    t.match(await page.getByRole('list', { name: 'The way of your click' }).textContent(), /app in nrt: “run this in fra”.*app in fra, over the edge in nrt: the request again, from its start; answer 201/)
    t.match(await page.locator('#entries li').first().textContent(), /Konnichiwa written in fra/)
  })

  await t.test('a read stays in its region', async (t) => {
    await page.getByRole('tab', { name: /iad/ }).click()
    await page.getByRole('button', { name: 'Read it' }).click()
    await page.getByText(/^Read in [\d.]+ ms\. $/).waitFor()
    t.match(await page.getByRole('list', { name: 'The way of your click' }).textContent(), /app in iad: answer 200/)
  })

  await t.test('query by query, the picture and the words tell of each trip', async (t) => {
    await page.getByLabel('query by query').check()
    await page.getByLabel('Queries a write').selectOption('10')
    await page.getByRole('button', { name: 'Sign the guestbook' }).click()
    await page.getByText(/10 queries from the app in iad to the primary in fra/).waitFor()
    t.match(await verdict.textContent(), /Signed in \d+ ms over the wide-area link/)
    t.equal(await page.locator('#world .link.cost').count(), 1)
    await page.getByLabel('by replay').check()
  })

  await t.test('the comparison holds the replica back, tells the three ways apart, and lets it go', async (t) => {
    await page.getByRole('tab', { name: /nrt/ }).click()
    await page.getByRole('button', { name: 'Compare' }).click()
    await page.getByText(/times as fast as query by query/).waitFor({ timeout: 40_000 })
    t.same(await page.locator('#comparison tr td:last-child').allTextContents(), ['not seen', 'not seen', 'seen'])
    await page.locator('.server', { hasText: 'nrt' }).getByText('none', { exact: true }).waitFor()
  })

  await t.test('by keyboard alone: arrows choose the region, Enter signs', async (t) => {
    await page.getByRole('tab', { selected: true }).focus()
    await page.keyboard.press('Home')
    t.equal(await page.getByRole('tab', { selected: true }).textContent(), 'fra · Frankfurt')
    await page.keyboard.press('ArrowLeft')
    t.equal(await page.getByRole('tab', { selected: true }).textContent(), 'nrt · Tokyo')
    await page.keyboard.press('ArrowRight')
    await page.getByLabel('Message').focus()
    await page.keyboard.press('ControlOrMeta+A')
    await page.keyboard.type('typed')
    await page.keyboard.press('Enter')
    await page.locator('#entries li').first().getByText('typed').waitFor()
    t.match(await page.locator('#entries li').first().textContent(), /typed written in fra/)
  })

  await t.test('lag: the slider delays a replica, the plot shows it', async (t) => {
    await page.getByLabel('Lag in iad').focus()
    await page.keyboard.press('End')
    await page.getByText('Replay in iad: 10 s of delay.').waitFor()
    await page.locator('.legend').getByText(/iad: (?:[1-9]\d{3} ms|\d+\.\d s)/).waitFor({ timeout: 30_000 })
    t.match(await page.getByRole('img', { name: /Replication lag in the last minute/ }).getAttribute('aria-label'), /nrt: \d+ ms/)
    await page.getByRole('button', { name: 'Put everything right' }).click()
    await page.locator('.server', { hasText: 'iad' }).getByText('none', { exact: true }).waitFor()
  })

  await t.test('pause, kill, promote and start do what they say, and the picture follows', async (t) => {
    await page.getByRole('button', { name: 'Pause nrt' }).click()
    await page.getByText('Replay in nrt is paused').waitFor()
    t.equal(await page.locator('#world .node', { hasText: 'nrt' }).locator('text').nth(1).textContent(), 'paused')
    await page.getByRole('button', { name: 'Resume nrt' }).click()
    await page.getByText('Replay in nrt goes on.').waitFor()
    await page.getByRole('button', { name: 'Kill fra' }).click()
    await page.getByText('The server in fra was killed.').waitFor()
    t.equal(await page.locator('#world .node.down').count(), 1)
    await page.getByRole('button', { name: 'Promote iad' }).click()
    await page.getByText('iad has the primary now').waitFor()
    t.match(await page.locator('#world .node.primary').textContent(), /^iad/)
    await page.getByRole('button', { name: 'Start fra' }).click()
    await page.getByText('The server in fra is back.').waitFor()
    t.equal(await page.locator('#world .node.down').count(), 0)
  })

  await t.test('nothing serious for axe-core, nothing beyond the edge, in both themes and at 360 pixels', async (t) => {
    t.same(await seriousFindings(page), [], 'light')
    await page.emulateMedia({ colorScheme: 'dark' })
    t.same(await seriousFindings(page), [], 'dark')
    await page.setViewportSize({ width: 360, height: 740 })
    t.same(await seriousFindings(page), [], 'small')
    t.notOk(await overflowsSideways(page))
  })

  await t.test('the console is silent, and nothing was asked of another machine', async (t) => {
    t.same(browser.complaints, [])
  })
})
