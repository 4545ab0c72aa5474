import { defineConfig } from 'vitepress'

const repository = 'https://github.com/fastify-multi-region/fastify-multi-region'

export default defineConfig({
  title: 'fastify-multi-region',
  description: 'Run one Fastify app close to users everywhere',
  base: process.env['DOCS_BASE'] ?? '/fastify-multi-region/',
  cleanUrls: true,
  lastUpdated: false,
  ignoreDeadLinks: false,
  markdown: { theme: { light: 'github-light-high-contrast', dark: 'github-dark-high-contrast' } },
  themeConfig: {
    search: { provider: 'local' },
    editLink: { pattern: `${repository}/edit/main/docs/:path`, text: 'Edit this page' },
    socialLinks: [{ icon: 'github', link: repository }],
    nav: [
      { text: 'Tutorial', link: '/tutorial/' },
      { text: 'Recipes', link: '/recipes/' },
      { text: 'Reference', link: '/reference/' },
      { text: 'Explanation', link: '/explanation/' },
    ],
    sidebar: {
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
    },
  },
})
