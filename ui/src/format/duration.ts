import { digits, type Spoken } from './number';

const MINUTE = 60;
const HOUR = 3_600;
const DAY = 86_400;

/** A measured duration: 0.34 → `340` and `ms`. */
export function speakSeconds(seconds: number): Spoken {
  const size = Math.abs(seconds);
  if (size === 0) return { number: '0', unit: 'ms' };
  if (size < 0.000_999_5) return { number: digits(seconds * 1e6), unit: 'µs' };
  if (size < 0.999_5) return { number: digits(seconds * 1e3), unit: 'ms' };
  if (size < 2 * MINUTE) return { number: digits(seconds), unit: 's' };
  if (size < 2 * HOUR) return { number: digits(seconds / MINUTE), unit: 'min' };
  if (size < 2 * DAY) return { number: digits(seconds / HOUR), unit: 'h' };
  return { number: digits(seconds / DAY), unit: 'd' };
}

/** How long something lasts, in its largest unit: `45 s`, `97 min`, `3 h`, `5 d`. */
export function lasting(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < MINUTE) return `${seconds} s`;
  // One unit alone says too little right after it changes: 119 min is not "1 h".
  if (seconds < 2 * HOUR) return `${Math.floor(seconds / MINUTE)} min`;
  if (seconds < 2 * DAY) return `${Math.floor(seconds / HOUR)} h`;
  return `${Math.floor(seconds / DAY)} d`;
}

/** How long something will last, to the minute: `45 min`, `3 h 59 min`, `2 d 4 h`. */
export function span(ms: number): string {
  const minutes = Math.max(0, Math.round(ms / 60_000));
  if (minutes < 120) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  const parts =
    hours < 48 ? [hours, 'h', minutes % 60, 'min'] : [Math.floor(hours / 24), 'd', hours % 24, 'h'];
  const [much, unit, rest, restUnit] = parts;
  return rest === 0 ? `${much} ${unit}` : `${much} ${unit} ${rest} ${restUnit}`;
}

/** `12 s ago`; anything that has yet to come, or just came, is `now`. */
export function ago(atMs: number, nowMs: number): string {
  const ms = nowMs - atMs;
  return ms < 1000 ? 'now' : `${lasting(ms)} ago`;
}

/** A range as its button names it: 900 → `15 min`, 172,800 → `2 days`. */
export function rangeName(seconds: number): string {
  const of = (count: number, one: string, many: string) => `${count} ${count === 1 ? one : many}`;
  if (seconds % DAY === 0) return of(seconds / DAY, 'day', 'days');
  if (seconds % HOUR === 0) return of(seconds / HOUR, 'hour', 'hours');
  if (seconds % MINUTE === 0) return `${seconds / MINUTE} min`;
  return `${seconds} s`;
}

const UNITS: Record<string, number> = { s: 1, m: MINUTE, h: HOUR, d: DAY, w: 7 * DAY };

/** Reads `15m`, `1h30m`, `2d`: Prometheus's durations from weeks to seconds. Null if it is none. */
export function parseDuration(text: string): number | null {
  if (!/^(\d{1,6}[smhdw])+$/.test(text)) return null;
  let seconds = 0;
  for (const [, count, unit] of text.matchAll(/(\d+)([smhdw])/g)) {
    seconds += Number(count) * (UNITS[unit ?? ''] ?? 0);
  }
  return seconds > 0 ? seconds : null;
}

/** The shortest single-unit spelling: 900 → `15m`, 5,400 → `90m`. */
export function durationText(seconds: number): string {
  for (const [unit, size] of [
    ['d', DAY],
    ['h', HOUR],
    ['m', MINUTE],
  ] as const) {
    if (seconds % size === 0) return `${seconds / size}${unit}`;
  }
  return `${seconds}s`;
}
