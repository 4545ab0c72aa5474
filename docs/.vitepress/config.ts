import { defineConfig } from 'vitepress'
import { readRecipes } from './recipes.ts'

const repository = 'https://github.com/fastify-multi-region/fastify-multi-region'

export default defineConfig({
  title: 'fastify-multi-region',
  description: 'Run one Fastify app close to users everywhere',
  base: process.env['DOCS_BASE'] ?? '/fastify-multi-region/',
  cleanUrls: true,
  lastUpdated: false,
  ignoreDeadLinks: false,
  srcExclude: ['generate/**'],
  markdown: { theme: { light: 'github-light-high-contrast', dark: 'github-dark-high-contrast' } },
  // Search has every page in one index.
  vite: { build: { chunkSizeWarningLimit: 4_000 } },
  themeConfig: {
    search: { provider: 'local' },
    outline: [2, 3],
    editLink: { pattern: `${repository}/edit/main/docs/:path`, text: 'Edit this page' },
    socialLinks: [{ icon: 'github', link: repository }],
    nav: [
      { text: 'Tutorial', link: '/tutorial/' },
      { text: 'Recipes', link: '/recipes/' },
      { text: 'Reference', link: '/reference/' },
      { text: 'Explanation', link: '/explanation/' },
    ],
    sidebar: {
      '/tutorial/': [{
        text: 'Tutorial',
        items: [
          { text: 'Three regions on one laptop', link: '/tutorial/' },
          { text: 'The same on Fly', link: '/tutorial/fly' },
        ],
      }],
      '/recipes/': readRecipes().map(({ group, recipes }) => ({ text: group, items: recipes.map(({ slug, title }) => ({ text: title, link: `/recipes/${slug}` })) })),
      '/reference/': [
        { text: 'Plugin', items: [{ text: 'Options', link: '/reference/options' }, { text: 'Decorators', link: '/reference/decorators' }, { text: 'Errors', link: '/reference/errors' }, { text: 'Reasons', link: '/reference/reasons' }, { text: 'Headers', link: '/reference/headers' }] },
        { text: 'Client', items: [{ text: 'Operations', link: '/reference/client' }, { text: 'Schema', link: '/reference/schema' }, { text: 'Differences from Prisma', link: '/reference/quirks' }] },
        { text: 'Signals', items: [{ text: 'Metrics', link: '/reference/metrics' }, { text: 'Channels', link: '/reference/channels' }, { text: 'SQLSTATEs of a standby', link: '/reference/sqlstates' }] },
        { text: 'Tools', items: [{ text: 'Command line', link: '/reference/command-line' }, { text: 'Testing kit', link: '/reference/testing' }] },
      ],
      '/explanation/': [{
        text: 'Explanation',
        items: [
          { text: 'How replay works', link: '/explanation/replay' },
          { text: 'Why not route each query', link: '/explanation/per-query-routing' },
          { text: 'Consistency models', link: '/explanation/consistency' },
          { text: 'What can run twice', link: '/explanation/what-can-run-twice' },
          { text: 'Health and failover', link: '/explanation/failover' },
          { text: 'Limits', link: '/explanation/limits' },
          { text: 'Performance', link: '/explanation/performance' },
          { text: 'The alternatives', link: '/explanation/alternatives' },
        ],
      }],
      '/decisions/': [{ text: 'Decisions', items: [{ text: 'All', link: '/decisions/' }] }],
    },
  },
})
