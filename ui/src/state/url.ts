import { computed, signal } from '@preact/signals';
import { type Range, rangeParams, readRange } from './range';

// The URL is the state: whatever a page shows can be sent to a colleague as a link.

type Place = { path: string; search: string };

const here = (): Place => ({ path: window.location.pathname, search: window.location.search });

const place = signal<Place>(here());

export const path = computed(() => place.value.path);
export const params = computed(() => new URLSearchParams(place.value.search));
export const range = computed<Range>(() => readRange(params.value));

/** One parameter of the URL, `''` if it is not there. */
export function param(name: string): string {
  return params.value.get(name) ?? '';
}

/** Sets parameters, null or `''` removes one. `push` makes it a step that Back undoes. */
export function setParams(
  changes: Record<string, string | null>,
  how: 'push' | 'replace' = 'replace',
): void {
  const next = new URLSearchParams(place.peek().search);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === '') next.delete(name);
    else next.set(name, value);
  }
  go(place.peek().path + searchText(next), how);
}

export function setRange(next: Range): void {
  setParams(rangeParams(next), 'push');
}

/** A link to another page that keeps the time range and nothing else. */
export function hrefTo(target: string, extra: Record<string, string> = {}): string {
  const next = new URLSearchParams();
  for (const [name, value] of Object.entries(rangeParams(range.value))) {
    if (value !== null) next.set(name, value);
  }
  for (const [name, value] of Object.entries(extra)) next.set(name, value);
  return target + searchText(next);
}

export function navigate(href: string): void {
  if (href === place.peek().path + place.peek().search) return;
  go(href, 'push');
  window.scrollTo(0, 0);
}

function go(href: string, how: 'push' | 'replace'): void {
  if (how === 'push') window.history.pushState(null, '', href);
  else window.history.replaceState(null, '', href);
  place.value = here();
}

// `%2F` and commas stay readable: links are read by people, too.
function searchText(next: URLSearchParams): string {
  const text = next.toString();
  return text === '' ? '' : `?${text}`;
}

/** Follows Back, Forward and clicks on the page's own links. Returns what undoes it. */
export function followLinks(): () => void {
  const onPop = () => {
    place.value = here();
  };
  const onClick = (event: MouseEvent) => {
    if (event.defaultPrevented || event.button !== 0) return;
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = event.target instanceof Element ? event.target.closest('a') : null;
    if (link === null || link.target !== '' || link.hasAttribute('download')) return;
    const url = new URL(link.href, window.location.href);
    if (url.origin !== window.location.origin || url.pathname.startsWith('/api/')) return;
    event.preventDefault();
    navigate(url.pathname + url.search);
  };
  window.addEventListener('popstate', onPop);
  document.addEventListener('click', onClick);
  return () => {
    window.removeEventListener('popstate', onPop);
    document.removeEventListener('click', onClick);
  };
}

// Brushing into a chart and double-clicking back: the ranges left behind, newest last.
const zoomedFrom: Range[] = [];

export function zoomIn(fromMs: number, toMs: number): void {
  zoomedFrom.push(range.peek());
  setRange({ kind: 'absolute', fromMs: Math.round(fromMs), toMs: Math.round(toMs) });
}

/** To the range before the last zoom; a page opened zoomed goes to the default range. */
export function zoomOut(): void {
  const before = zoomedFrom.pop();
  if (before !== undefined) setRange(before);
  else if (range.peek().kind === 'absolute') setRange({ kind: 'relative', seconds: 900 });
}
