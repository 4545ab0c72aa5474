// What the TypeScript sources say of themselves: members of interfaces, words of unions, doc comments.
// The reference pages are written from this, so that no list exists twice.

import { readdirSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'

export const root = fileURLToPath(new URL('../../', import.meta.url))

/** A member of an interface, class or object, with what its doc comment says. */
export interface Member {
  readonly name: string
  /** As it is written, on one line. */
  readonly type: string
  readonly optional: boolean
  readonly summary: string
  /** `@defaultValue`. */
  readonly defaultValue: string | undefined
  /** `@throws`, several joined. */
  readonly throws: string | undefined
  readonly example: string | undefined
}

export interface Sources {
  /** A parsed file, by its path from the root. */
  readonly file: (path: string) => ts.SourceFile
  /** All files under `lib`. */
  readonly files: readonly string[]
  /** The own members of an interface, a class (public ones) or a constant object. */
  readonly members: (path: string, name: string) => readonly Member[]
  /** The doc comment of a declaration. */
  readonly summary: (path: string, name: string) => string
  /** The words of a union of string literals, inherited unions resolved. */
  readonly words: (path: string, name: string) => readonly string[]
  /** The words that a property of a discriminated union may be. */
  readonly wordsOfProperty: (path: string, name: string, property: string) => readonly string[]
  /** Every string literal in the run-time code of `lib` that matches. */
  readonly literals: (pattern: RegExp) => ReadonlyMap<string, readonly string[]>
}

export function openSources (): Sources {
  const files = listTypeScript(join(root, 'lib'))
  const config = ts.readConfigFile(join(root, 'tsconfig.json'), (path) => ts.sys.readFile(path))
  const { options } = ts.parseJsonConfigFileContent(config.config, ts.sys, root)
  const program = ts.createProgram(files.map((path) => join(root, path)), { ...options, noEmit: true })
  const checker = program.getTypeChecker()

  const file = (path: string): ts.SourceFile => {
    const found = program.getSourceFile(resolve(root, path))
    if (found === undefined) throw new Error(`there is no source file ${path}`)
    return found
  }
  const declaration = (path: string, name: string): ts.Node => {
    const found = find(file(path), name)
    if (found === undefined) throw new Error(`${path} declares no ${name}`)
    return found
  }
  return {
    file,
    files,
    members: (path, name) => membersOf(declaration(path, name)),
    summary: (path, name) => describe(declaration(path, name)).summary,
    words (path, name) {
      const node = declaration(path, name)
      if (!ts.isTypeAliasDeclaration(node)) throw new Error(`${name} of ${path} is no type alias`)
      return wordsOf(checker.getTypeAtLocation(node.name), name)
    },
    wordsOfProperty (path, name, property) {
      const type = checker.getTypeAtLocation(declaration(path, name))
      const words = new Set<string>()
      for (const part of type.isUnion() ? type.types : [type]) {
        const symbol = part.getProperty(property)
        if (symbol === undefined) continue
        for (const word of wordsOf(checker.getTypeOfSymbolAtLocation(symbol, file(path)), `${name}.${property}`)) words.add(word)
      }
      return [...words].sort()
    },
    literals (pattern) {
      const found = new Map<string, string[]>()
      for (const path of files) collectLiterals(file(path), pattern, (text) => { (found.get(text) ?? found.set(text, []).get(text))?.push(path) })
      return found
    },
  }
}

function listTypeScript (folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.d.ts'))
    .map((name) => relative(root, join(folder, name)).replaceAll('\\', '/'))
    .sort()
}

type Named = ts.Node & { readonly name?: ts.Node }

function find (source: ts.SourceFile, name: string): ts.Node | undefined {
  let found: ts.Node | undefined
  const visit = (node: ts.Node): void => {
    if (found !== undefined) return
    const isDeclaration = ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node) || ts.isClassDeclaration(node) || ts.isFunctionDeclaration(node) || ts.isVariableDeclaration(node)
    if (isDeclaration && node.name?.getText(source) === name) {
      found = node
      return
    }
    if (ts.isModuleDeclaration(node) || ts.isModuleBlock(node) || ts.isSourceFile(node) || ts.isVariableStatement(node) || ts.isVariableDeclarationList(node)) ts.forEachChild(node, visit)
  }
  visit(source)
  return found
}

function membersOf (node: ts.Node): Member[] {
  const nodes = ts.isInterfaceDeclaration(node) || ts.isClassDeclaration(node)
    ? [...node.members]
    : ts.isTypeAliasDeclaration(node)
      ? literalMembers(node.type)
      : ts.isVariableDeclaration(node) && node.initializer !== undefined && ts.isObjectLiteralExpression(node.initializer) ? [...node.initializer.properties] : []
  const members: Member[] = []
  for (const member of nodes) {
    if (isHidden(member)) continue
    const name = (member as Named).name?.getText()
    if (name === undefined || members.some((known) => known.name === name)) continue
    members.push({ name, type: typeText(member), optional: 'questionToken' in member && member.questionToken !== undefined, ...describe(member) })
  }
  return members
}

/** `A & { … }`: the literal part. */
function literalMembers (type: ts.TypeNode): ts.TypeElement[] {
  if (ts.isTypeLiteralNode(type)) return [...type.members]
  return ts.isIntersectionTypeNode(type) ? type.types.flatMap(literalMembers) : []
}

function isHidden (member: ts.Node): boolean {
  if (ts.isConstructorDeclaration(member)) return true
  if ((member as Named).name?.kind === ts.SyntaxKind.PrivateIdentifier) return true
  if (!ts.canHaveModifiers(member)) return false
  if (ts.getModifiers(member)?.some((modifier) => modifier.kind === ts.SyntaxKind.PrivateKeyword) === true) return true
  return ts.getJSDocTags(member).some((tag) => tag.tagName.text === 'internal')
}

const oneLine = (text: string): string => text.replace(/\s+/g, ' ').trim()

function typeText (member: ts.Node): string {
  if (ts.isMethodSignature(member) || ts.isMethodDeclaration(member)) return signatureText(member)
  if (ts.isGetAccessorDeclaration(member)) return oneLine(member.type?.getText() ?? '')
  if (ts.isPropertySignature(member) || ts.isPropertyDeclaration(member)) return oneLine(member.type?.getText() ?? '').replace(/ \| undefined$/, '')
  if (ts.isPropertyAssignment(member) && ts.isArrowFunction(member.initializer)) return signatureText(member.initializer)
  return ''
}

function signatureText (node: ts.SignatureDeclaration): string {
  const parameters = node.parameters.map((parameter) => oneLine(parameter.getText())).join(', ')
  return `(${parameters})${node.type === undefined ? '' : `: ${oneLine(node.type.getText())}`}`
}

type Described = Pick<Member, 'summary' | 'defaultValue' | 'throws' | 'example'>

function describe (node: ts.Node): Described {
  const holder = ts.isVariableDeclaration(node) ? node.parent.parent : node
  const comments = ts.getJSDocCommentsAndTags(holder).filter(ts.isJSDoc)
  const tags = ts.getJSDocTags(holder)
  const tag = (name: string): string | undefined => {
    const texts = tags.filter((one) => one.tagName.text === name).map((one) => (ts.getTextOfJSDocComment(one.comment) ?? '').trim())
    return texts.length === 0 ? undefined : texts.join('; ')
  }
  return {
    summary: oneLine(comments.map((comment) => ts.getTextOfJSDocComment(comment.comment) ?? '').join(' ')),
    defaultValue: tag('defaultValue'),
    throws: tag('throws'),
    example: tag('example'),
  }
}

function wordsOf (type: ts.Type, name: string): string[] {
  const parts = type.isUnion() ? type.types : [type]
  return parts.map((part) => {
    if (!part.isStringLiteral()) throw new Error(`${name} is not made of words alone`)
    return part.value
    // The compiler's order depends on what else it has seen.
  }).sort()
}

function collectLiterals (source: ts.SourceFile, pattern: RegExp, tell: (text: string) => void): void {
  const visit = (node: ts.Node): void => {
    if (ts.isStringLiteralLike(node) && pattern.test(node.text)) tell(node.text)
    ts.forEachChild(node, visit)
  }
  visit(source)
}
