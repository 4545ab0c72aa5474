// Markdown, as little of it as the reference needs.

/** `code`, also inside a table, where a bar would end the cell. */
export const code = (text: string): string => text === '' ? '' : `\`${text.replaceAll('|', '\\|')}\``

/** Text from a doc comment: tags that are not code would be taken for HTML. */
export const prose = (text: string): string =>
  text.split(/(`+[^`]*`+)/).map((part, index) => index % 2 === 1 ? part.replaceAll('|', '\\|') : part.replace(/\{@link ([^}]+)\}/g, '`$1`').replaceAll('<', '&lt;').replaceAll('|', '\\|').replaceAll('{{', '{ {')).join('')

export function table (head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}

/** A generated page. */
export function page (title: string, parts: readonly string[]): string {
  return `<!-- Generated from the sources by \`npm run docs:generate\`: do not edit. -->\n\n# ${title}\n\n${parts.filter((part) => part !== '').join('\n\n')}\n`
}
