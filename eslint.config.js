import neostandard, { plugins } from 'neostandard'

const layers = (from, forbidden) => ({
  files: [`lib/${from}/**/*.ts`],
  rules: { 'no-restricted-imports': ['error', { patterns: forbidden.map((layer) => ({ group: [`**/${layer}/**`, `../${layer}/*`], message: `${from} must not import ${layer}` })) }] },
})

export default [
  ...neostandard({ ts: true, ignores: ['dist/**', 'coverage/**', '.tap/**', 'docs/.vitepress/{cache,dist}/**', 'test/types/generated/**', 'benchmarks/node_modules/**', 'benchmarks/results/**'] }),
  {
    files: ['lib/**/*.ts', 'test/**/*.ts', 'examples/**/*.ts'],
    languageOptions: { parserOptions: { projectService: true } },
    plugins: { '@typescript-eslint': plugins['typescript-eslint'].plugin },
    rules: {
      // node:test's own functions are called without awaiting them: its runner does.
      '@typescript-eslint/no-floating-promises': ['error', { allowForKnownSafeCalls: [{ from: 'package', name: ['test', 'describe', 'it'], package: 'node:test' }] }],
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/consistent-type-imports': 'error',
      // An enum of a schema is a constant and a type of one name; what is really declared twice, the compiler finds.
      '@typescript-eslint/no-redeclare': 'off',
    },
  },
  {
    files: ['lib/{core,query,schema,postgres,fastify,prisma}/**/*.ts'],
    rules: { 'no-console': 'error' },
  },
  layers('core', ['query', 'schema', 'postgres', 'fastify', 'testing', 'demo', 'cli']),
  layers('schema', ['query', 'postgres', 'fastify', 'testing', 'demo', 'cli']),
  layers('query', ['postgres', 'fastify', 'testing', 'demo', 'cli']),
  layers('postgres', ['fastify', 'testing', 'demo', 'cli']),
  layers('fastify', ['testing', 'demo', 'cli']),
  layers('testing', ['fastify', 'demo', 'cli']),
]
