// All that is generated: path → text.

import { commandLinePage, quirksPage, sqlstatesPage } from './data-pages.ts'
import { errorsPage } from './errors-page.ts'
import { decisionsPage, recipesPage } from './lists.ts'
import { clientPage, decoratorsPage, schemaPage, testingPage } from './members-page.ts'
import { optionsPage } from './options-page.ts'
import { performanceSections } from './performance.ts'
import { reasonsPage } from './reasons-page.ts'
import { channelsPage, headersPage, metricsPage } from './signals-page.ts'
import type { Sources } from './sources.ts'

export async function generated (sources: Sources): Promise<ReadonlyMap<string, string>> {
  return new Map([
    ['docs/reference/options.md', optionsPage(sources)],
    ['docs/reference/decorators.md', decoratorsPage(sources)],
    ['docs/reference/client.md', clientPage(sources)],
    ['docs/reference/schema.md', schemaPage(sources)],
    ['docs/reference/errors.md', errorsPage(sources)],
    ['docs/reference/reasons.md', reasonsPage(sources)],
    ['docs/reference/channels.md', channelsPage(sources)],
    ['docs/reference/metrics.md', metricsPage()],
    ['docs/reference/headers.md', headersPage(sources)],
    ['docs/reference/command-line.md', await commandLinePage()],
    ['docs/reference/sqlstates.md', sqlstatesPage()],
    ['docs/reference/quirks.md', quirksPage()],
    ['docs/reference/testing.md', testingPage(sources)],
    ['docs/recipes/index.md', recipesPage()],
    ['docs/decisions/index.md', decisionsPage()],
    ...performanceSections(),
  ])
}
