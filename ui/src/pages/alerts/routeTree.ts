import type { Route } from '../../api/notifications';
import type { Labels } from '../../api/query';
import { readMatchers } from '../../format/matchers';

/** A route with how deep it stands, and whether it is the last of its siblings. */
export type PlacedRoute = { route: Route; depth: number; last: boolean };

/** A tree as rows, parents before children. */
export function routeRows(root: Route): PlacedRoute[] {
  const rows: PlacedRoute[] = [];
  // Depth is bounded by the file's own reader; a stack keeps it off the call stack all the same.
  const stack: PlacedRoute[] = [{ route: root, depth: 0, last: true }];
  for (let top = stack.pop(); top !== undefined; top = stack.pop()) {
    rows.push(top);
    const { routes } = top.route;
    for (let i = routes.length - 1; i >= 0; i -= 1) {
      const route = routes[i];
      if (route !== undefined) {
        stack.push({ route, depth: top.depth + 1, last: i === routes.length - 1 });
      }
    }
  }
  return rows;
}

/** What a route takes, in words: all that comes to it, or what its matchers say. */
export function takes(route: Route): string {
  const inner = route.matchers.replace(/^\{/, '').replace(/\}$/, '').trim();
  return inner === '' ? 'everything' : inner;
}

/** Labels as typed: `alertname="X", severity=critical`. Only equality names a label's value. */
export function labelsIn(text: string): { labels: Labels; wrong: string } {
  const { matchers, rest } = readMatchers(text);
  if (rest !== '') return { labels: {}, wrong: `Cannot read “${rest}”: a label is name="value"` };
  const other = matchers.find(({ op }) => op !== '=');
  if (other !== undefined) {
    return { labels: {}, wrong: `${other.name} needs one value: write ${other.name}="…"` };
  }
  return {
    labels: Object.fromEntries(matchers.map(({ name, value }) => [name, value])),
    wrong: '',
  };
}
