import type { Labels } from '../api/query';

/** `{a="1", b="2"}` as PromQL writes it, names in order, the metric's name before the brace. */
export function seriesText(labels: Labels): string {
  const inner = entriesOf(labels).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
  const name = labels.__name__ ?? '';
  return inner.length === 0 && name !== '' ? name : `${name}{${inner.join(', ')}}`;
}

/** All labels but the metric's name, in order. */
export function entriesOf(labels: Labels): [string, string][] {
  return Object.entries(labels)
    .filter(([name]) => name !== '__name__')
    .sort(([a], [b]) => (a < b ? -1 : 1));
}

/**
 * Fills `{{label}}` in a legend. A series without that label reads "none": an empty name in a
 * legend looks like a fault of the page.
 */
export function legendText(template: string, labels: Labels): string {
  if (template.trim() === '') return seriesText(labels);
  const text = template.replace(/\{\{\s*([^{}\s]+)\s*\}\}/g, (_, name: string) => {
    // Own labels only: a legend `{{constructor}}` must not find what every object is born with.
    const value = Object.hasOwn(labels, name) ? labels[name] : undefined;
    return value === undefined || value === '' ? 'none' : value;
  });
  return text.trim() === '' ? seriesText(labels) : text;
}

/** Eight hex digits that stand for a label set in the URL (FNV-1a, 32 bits). */
export function labelsId(labels: Labels): string {
  let hash = 0x811c9dc5;
  for (const char of seriesText(labels)) {
    hash = Math.imul(hash ^ (char.codePointAt(0) ?? 0), 0x01000193);
  }
  return (hash >>> 0).toString(16).padStart(8, '0');
}

/** Another program's message as a sentence of ours: a capital first, a full stop last. */
export function sentence(text: string): string {
  const said = text.trim();
  if (said === '') return '';
  // A word such as `up{` or a path keeps its spelling; only plain words are raised.
  const first = /^[a-z]+[ ,]/.test(said) ? said.charAt(0).toUpperCase() + said.slice(1) : said;
  return /[.!?…]$/.test(first) ? first : `${first}.`;
}

/** The address if a browser may be sent there: http and https only. Data is not trusted. */
export function safeHref(text: string): string | null {
  if (!/^https?:\/\/\S+$/i.test(text)) return null;
  try {
    const url = new URL(text);
    return url.protocol === 'http:' || url.protocol === 'https:' ? url.href : null;
  } catch {
    return null;
  }
}
