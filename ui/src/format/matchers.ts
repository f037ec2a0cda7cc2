import type { Labels } from '../api/query';

/** A condition on one label, with Prometheus's four operators. */
export type Matcher = { name: string; op: '=' | '!=' | '=~' | '!~'; value: string };

/** What was typed, as far as it could be read; `rest` is where reading ended, empty at the end. */
export type ReadMatchers = { matchers: Matcher[]; rest: string };

const NAME = /\s*([A-Za-z_][A-Za-z0-9_]*)\s*(=~|!~|!=|=)\s*/;
const VALUE = /(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|([^",{}\s]+))\s*(?:,|$)/;
const MATCHER = new RegExp(`^${NAME.source}${VALUE.source}`);

/** Reads `job="shop", severity=~"critical|warning"`, with or without braces and quotes. */
export function readMatchers(text: string): ReadMatchers {
  let rest = text.trim().replace(/^\{/, '').replace(/\}$/, '').trim();
  const matchers: Matcher[] = [];
  while (rest !== '') {
    const found = MATCHER.exec(rest);
    if (found === null) return { matchers, rest };
    const [all, name = '', op = '=', double, single, bare] = found;
    matchers.push({
      name,
      op: op as Matcher['op'],
      value: unescaped(double ?? single) ?? bare ?? '',
    });
    rest = rest.slice(all.length).trim();
  }
  return { matchers, rest: '' };
}

function unescaped(text: string | undefined): string | undefined {
  return text?.replace(/\\(.)/g, (_, char: string) => (char === 'n' ? '\n' : char));
}

/** `job="shop"`, as it can be read again. */
export function matcherText({ name, op, value }: Matcher): string {
  return `${name}${op}${JSON.stringify(value)}`;
}

export const matchersText = (matchers: Matcher[]) => matchers.map(matcherText).join(', ');

/** Matchers that are true for exactly these labels. */
export function matchersOf(labels: Labels, names = Object.keys(labels)): Matcher[] {
  return names
    .filter((name) => (labels[name] ?? '') !== '')
    .sort()
    .map((name) => ({ name, op: '=', value: labels[name] ?? '' }));
}

/** The trouble with a matcher in words; null when it can be used. */
export function matcherTrouble({ op, value }: Matcher): string | null {
  if (op === '=' || op === '!=') return null;
  try {
    anchored(value);
    return null;
  } catch {
    return `“${value}” is no regular expression`;
  }
}

/** Whether all hold. A label that is not there has the empty value, as in Prometheus. */
export function matchAll(matchers: Matcher[], labels: Labels): boolean {
  return matchers.every(({ name, op, value }) => {
    const actual = Object.hasOwn(labels, name) ? (labels[name] ?? '') : '';
    switch (op) {
      case '=':
        return actual === value;
      case '!=':
        return actual !== value;
      default:
        return tests(value, actual) === (op === '=~');
    }
  });
}

/** A regex that cannot be read matches nothing here; the server refuses it with its reason. */
function tests(pattern: string, text: string): boolean | null {
  try {
    return anchored(pattern).test(text);
  } catch {
    return null;
  }
}

const anchored = (pattern: string) => new RegExp(`^(?:${pattern})$`, 's');
