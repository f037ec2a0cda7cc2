import { durationText, parseDuration, rangeName } from '../format/duration';
import { clockShort, day } from '../format/time';

/** What the charts show: the last so many seconds, or from one time to another. */
export type Range =
  { kind: 'relative'; seconds: number } | { kind: 'absolute'; fromMs: number; toMs: number };

export const DEFAULT_RANGE: Range = { kind: 'relative', seconds: 900 };

/** The ranges the picker offers, in seconds. */
export const OFFERED = [300, 900, 1_800, 3_600, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800];

// Shorter than two scrapes shows nothing; longer than a year is a slip of the keyboard.
const SECONDS_MIN = 10;
const SECONDS_MAX = 366 * 86_400;

const fits = (seconds: number) => seconds >= SECONDS_MIN && seconds <= SECONDS_MAX;

/** Reads `range=15m` or `from=…&to=…` (Unix ms). Anything else is the default range. */
export function readRange(params: URLSearchParams): Range {
  const from = params.get('from');
  const to = params.get('to');
  if (from !== null && to !== null && /^\d+$/.test(from) && /^\d+$/.test(to)) {
    const range: Range = { kind: 'absolute', fromMs: Number(from), toMs: Number(to) };
    if (fits((range.toMs - range.fromMs) / 1000)) return range;
  }
  const seconds = parseDuration(params.get('range') ?? '');
  return seconds !== null && fits(seconds) ? { kind: 'relative', seconds } : DEFAULT_RANGE;
}

/** The parameters that say this range; the default says nothing. */
export function rangeParams(range: Range): Record<'range' | 'from' | 'to', string | null> {
  if (range.kind === 'absolute') {
    return { range: null, from: String(range.fromMs), to: String(range.toMs) };
  }
  const standard = DEFAULT_RANGE.kind === 'relative' && range.seconds === DEFAULT_RANGE.seconds;
  return { range: standard ? null : durationText(range.seconds), from: null, to: null };
}

export type Bounds = { startMs: number; endMs: number };

/** Where the range begins and ends at this moment. */
export function boundsOf(range: Range, nowMs: number): Bounds {
  return range.kind === 'absolute'
    ? { startMs: range.fromMs, endMs: range.toMs }
    : { startMs: nowMs - range.seconds * 1000, endMs: nowMs };
}

/** Half a range earlier (-1) or later (+1), and never beyond now. */
export function shifted(range: Range, direction: -1 | 1, nowMs: number): Range {
  const { startMs, endMs } = boundsOf(range, nowMs);
  const length = endMs - startMs;
  const toMs = Math.min(nowMs, Math.round(endMs + (direction * length) / 2));
  return { kind: 'absolute', fromMs: Math.round(toMs - length), toMs };
}

/** `last 15 min`, or the two times with the day where it is needed. */
export function rangeText(range: Range, nowMs: number): string {
  if (range.kind === 'relative') return `Last ${rangeName(range.seconds)}`;
  const { fromMs, toMs } = range;
  const from = day(fromMs) === day(nowMs) ? '' : `${day(fromMs)} `;
  const to = day(toMs) === day(fromMs) ? '' : `${day(toMs)} `;
  return `${from}${clockShort(fromMs)} – ${to}${clockShort(toMs)}`;
}
