// The imports of lib/, read from the sources by the compiler's own parser.

import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve, sep } from 'node:path'
import ts from 'typescript'

export const lib = resolve(import.meta.dirname, '../../lib')

export interface Import {
  /** A path relative to lib/ for own files, else the package or built-in as written. */
  readonly target: string
  readonly own: boolean
  /** Erased by the compiler: nothing is loaded. */
  readonly typeOnly: boolean
  /** `import()`: loaded when it is needed. */
  readonly dynamic: boolean
}

export interface Source {
  readonly path: string
  readonly text: string
  /** The text without comments and string contents. */
  readonly code: string
  readonly imports: readonly Import[]
  readonly hasDefaultExport: boolean
}

function isTypeOnly (node: ts.ImportDeclaration | ts.ExportDeclaration): boolean {
  if (ts.isExportDeclaration(node)) {
    if (node.isTypeOnly) return true
    return node.exportClause !== undefined && ts.isNamedExports(node.exportClause) && node.exportClause.elements.every((element) => element.isTypeOnly)
  }
  const clause = node.importClause
  if (clause === undefined) return false
  if (clause.isTypeOnly) return true
  const bindings = clause.namedBindings
  return clause.name === undefined && bindings !== undefined && ts.isNamedImports(bindings) && bindings.elements.every((element) => element.isTypeOnly)
}

/** Tokens that are neither comments nor the insides of strings. */
function codeOf (text: string): string {
  return text
    .replace(/\/\*[\s\S]*?\*\//g, ' ')
    .replace(/(^|[^:'"`\\])\/\/.*$/gm, '$1')
    .replace(/'(?:[^'\\\n]|\\.)*'/g, '\'\'')
}

function readSource (path: string): Source {
  const text = readFileSync(join(lib, path), 'utf8')
  const file = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true)
  const imports: Import[] = []
  const add = (specifier: string, how: { typeOnly: boolean, dynamic: boolean }): void => {
    const own = specifier.startsWith('.')
    const target = own ? relative(lib, resolve(lib, dirname(path), specifier)).split(sep).join('/') : specifier
    imports.push({ target, own, ...how })
  }
  let hasDefaultExport = false
  const visit = (node: ts.Node): void => {
    if ((ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) && node.moduleSpecifier !== undefined && ts.isStringLiteral(node.moduleSpecifier)) add(node.moduleSpecifier.text, { typeOnly: isTypeOnly(node), dynamic: false })
    if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument) && ts.isStringLiteral(node.argument.literal)) add(node.argument.literal.text, { typeOnly: true, dynamic: false })
    if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      const [specifier] = node.arguments
      if (specifier !== undefined && ts.isStringLiteral(specifier)) add(specifier.text, { typeOnly: false, dynamic: true })
    }
    if (ts.isExportAssignment(node) || (ts.canHaveModifiers(node) && (ts.getModifiers(node) ?? []).some((modifier) => modifier.kind === ts.SyntaxKind.DefaultKeyword))) hasDefaultExport = true
    ts.forEachChild(node, visit)
  }
  visit(file)
  return { path, text, code: codeOf(text), imports, hasDefaultExport }
}

export function readSources (): readonly Source[] {
  return readdirSync(lib, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts'))
    .map((path) => readSource(path.split(sep).join('/')))
}

/** The first folder of a path in lib/, or '' for the files at its top. */
export const layerOf = (path: string): string => path.includes('/') ? path.slice(0, path.indexOf('/')) : ''

/** `pkg` or `@scope/pkg` of a specifier. */
export function packageOf (specifier: string): string {
  const parts = specifier.split('/')
  return specifier.startsWith('@') ? parts.slice(0, 2).join('/') : parts[0] ?? ''
}

/** What loading `entry` loads: own files, and packages with the file that asks for them. */
export function loadedBy (sources: readonly Source[], entry: string): { readonly files: ReadonlySet<string>, readonly packages: ReadonlyMap<string, Import & { readonly from: string }> } {
  const byPath = new Map(sources.map((source) => [source.path, source]))
  const files = new Set<string>()
  const packages = new Map<string, Import & { readonly from: string }>()
  const queue = [entry]
  for (let path = queue.pop(); path !== undefined; path = queue.pop()) {
    if (files.has(path)) continue
    files.add(path)
    for (const one of byPath.get(path)?.imports ?? []) {
      if (one.typeOnly) continue
      if (one.own) queue.push(one.target)
      else if (packages.get(one.target)?.dynamic !== false) packages.set(one.target, { ...one, from: path })
    }
  }
  return { files, packages }
}
