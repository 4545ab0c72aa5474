import type { Row } from 'fastify-multi-region'

const escapes: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }
const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, (character) => escapes[character] ?? '')

/** The guestbook as a page of HTML. */
export function page (entries: readonly Row<'Entry'>[], region: string): string {
  const items = entries.map((entry) =>
    `<li><b>${escapeHtml(entry.author)}</b> ${escapeHtml(entry.message)} <small>written in ${escapeHtml(entry.region)}, ${entry.createdAt.toISOString()}</small></li>`)
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Guestbook</title>
<h1>Guestbook</h1>
<p>This page was read in ${escapeHtml(region)}.</p>
<form method="post">
  <label>Name <input name="author" required maxlength="80"></label>
  <label>Message <input name="message" required maxlength="500"></label>
  <button>Sign</button>
</form>
<ol>${items.join('\n')}</ol>
</html>`
}
