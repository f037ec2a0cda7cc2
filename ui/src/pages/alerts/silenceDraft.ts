import type { Silence, SilenceDraft, WireMatcher } from '../../api/alertmanager';
import type { Labels } from '../../api/query';
import { parseDuration } from '../../format/duration';
import { type Matcher, matcherTrouble, matchersOf, readMatchers } from '../../format/matchers';
import { parseStamp } from '../../format/time';

/** What a person is asked for, as typed. */
export type SilenceForm = {
  /** The silence that is changed; null for a new one. */
  id: string | null;
  matchers: string;
  /** A duration (`4h`) or a time (`2026-11-23 09:00`). */
  until: string;
  author: string;
  comment: string;
};

// They say what kind of alert it is, and follow from its name.
const NEEDLESS = new Set(['severity', 'pack', 'kind', 'alertstate', '__name__']);

/** Matchers for just this alert: its labels, but for those that follow from its name. */
export function matchersFor(labels: Labels): Matcher[] {
  const names = Object.keys(labels).filter((name) => !NEEDLESS.has(name));
  const first = (name: string) => Number(name !== 'alertname');
  return matchersOf(labels, names).sort((a, b) => first(a.name) - first(b.name));
}

export const toWire = ({ name, op, value }: Matcher): WireMatcher => ({
  name,
  value,
  isRegex: op.endsWith('~'),
  isEqual: !op.startsWith('!'),
});

export function fromWire({ name, value, isRegex, isEqual = true }: WireMatcher): Matcher {
  if (isRegex) return { name, op: isEqual ? '=~' : '!~', value };
  return { name, op: isEqual ? '=' : '!=', value };
}

/** When a silence ends, in Unix ms: after a duration, or at a time. Null if it is neither. */
export function endOf(until: string, nowMs: number): number | null {
  const seconds = parseDuration(until.trim().replaceAll(/\s+/g, ''));
  if (seconds !== null) return nowMs + seconds * 1000;
  return parseStamp(until, nowMs);
}

/** Nine in the morning, of today if that is yet to come. Unix ms. */
export function nextMorning(nowMs: number): number {
  const at = new Date(nowMs);
  at.setHours(9, 0, 0, 0);
  if (at.getTime() <= nowMs) at.setDate(at.getDate() + 1);
  return at.getTime();
}

// A year: longer is a rule that should be removed.
const LONGEST_MS = 366 * 86_400_000;

/** What is sent, or what is wrong with the form in words. */
export function draftOf(form: SilenceForm, nowMs: number): SilenceDraft | { wrong: string } {
  const { matchers, rest } = readMatchers(form.matchers);
  if (rest !== '') return { wrong: `Cannot read “${rest}”: a matcher is name="value"` };
  if (matchers.length === 0) return { wrong: 'A silence needs a label that it matches' };
  const trouble = matchers.map(matcherTrouble).find((found) => found !== null);
  if (trouble !== undefined) return { wrong: trouble };
  if (matchers.every(matchesNothing)) {
    return { wrong: 'These matchers fit every alert: name a label with a value' };
  }
  const endMs = endOf(form.until, nowMs);
  if (endMs === null) return { wrong: 'Say how long (4h) or until when (2026-11-23 09:00)' };
  if (endMs <= nowMs) return { wrong: 'The end is in the past' };
  if (endMs - nowMs > LONGEST_MS) return { wrong: 'Longer than a year: remove the rule instead' };
  return {
    ...(form.id !== null && { id: form.id }),
    matchers: matchers.map(toWire),
    startsAt: new Date(nowMs).toISOString(),
    endsAt: new Date(endMs).toISOString(),
    createdBy: form.author.trim() || 'somebody',
    comment: form.comment.trim() || 'no reason given',
  };
}

/** Whether a matcher holds where its label is absent: alone it would silence everything. */
function matchesNothing({ op, value }: Matcher): boolean {
  switch (op) {
    case '=':
      return value === '';
    case '!=':
      return value !== '';
    default:
      return new RegExp(`^(?:${value})$`, 's').test('') === (op === '=~');
  }
}

export type SilenceState = Silence['status']['state'];

/** Active first, then pending, then expired; within each, what ends first, or ended last. */
export function ordered(silences: Silence[]): Silence[] {
  const rank: Record<SilenceState, number> = { active: 0, pending: 1, expired: 2 };
  const end = ({ endsAt }: Silence) => Date.parse(endsAt) || 0;
  return [...silences].sort(
    (a, b) =>
      rank[a.status.state] - rank[b.status.state] ||
      (a.status.state === 'expired' ? end(b) - end(a) : end(a) - end(b)),
  );
}
