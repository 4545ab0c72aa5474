// Makes elements of SVG and HTML; text is always text, never markup.

const SVG = 'http://www.w3.org/2000/svg'

/** @param {string} name */
export function svg (name, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, name), attributes, children)
}

/** @param {string} name */
export function html (name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children)
}

function fill (element, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) if (value !== undefined && value !== false) element.setAttribute(key, value === true ? '' : String(value))
  element.append(...children.filter((child) => child !== undefined))
  return element
}

export function ms (value) {
  if (value < 10) return `${value.toFixed(1)} ms`
  return value < 10_000 ? `${Math.round(value)} ms` : `${(value / 1000).toFixed(1)} s`
}
