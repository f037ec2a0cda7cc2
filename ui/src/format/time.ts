// The clock on every page has 24 hours and the browser's time zone.

const pad = (value: number) => String(value).padStart(2, '0');

const MONTHS = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ');

/** `14:05:09` */
export function clock(ms: number): string {
  const at = new Date(ms);
  return `${pad(at.getHours())}:${pad(at.getMinutes())}:${pad(at.getSeconds())}`;
}

/** `14:05` */
export function clockShort(ms: number): string {
  return clock(ms).slice(0, 5);
}

/** `23 Nov` */
export function day(ms: number): string {
  const at = new Date(ms);
  return `${at.getDate()} ${MONTHS[at.getMonth()]}`;
}

/** `14:05`, with its day where that is not today, and its year where it is far. */
export function untilText(ms: number, nowMs: number): string {
  if (Math.abs(ms - nowMs) > 300 * 86_400_000) return stamp(ms).slice(0, 16);
  return day(ms) === day(nowMs) ? clockShort(ms) : `${day(ms)} ${clockShort(ms)}`;
}

/** `2026-11-23 14:05:09`: sorts as text, and no country reads it wrongly. */
export function stamp(ms: number): string {
  const at = new Date(ms);
  return `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())} ${clock(ms)}`;
}

/**
 * Reads `2026-11-23 14:05`, with or without seconds, or a time of today alone. Null if it is none.
 * Our own field and not the browser's: that one shows AM and PM wherever the browser is American.
 */
export function parseStamp(text: string, nowMs: number): number | null {
  const found = /^(?:(\d{4}-\d\d-\d\d)[ T])?(\d{1,2}:\d\d(?::\d\d)?)$/.exec(text.trim());
  if (found === null) return null;
  const [, date = stamp(nowMs).slice(0, 10), time = ''] = found;
  const ms = Date.parse(`${date}T${time.padStart(time.length < 6 ? 5 : 8, '0')}`);
  return Number.isNaN(ms) ? null : ms;
}

/** Labels for the ticks of a time axis `step` ms apart; a new day says its date. */
export function timeTicks(ticks: number[], step: number): string[] {
  return ticks.map((ms, i) => {
    const before = ticks[i - 1];
    const fresh = before !== undefined && day(before) !== day(ms);
    if (step >= 86_400_000 || fresh) return day(ms);
    return step < 60_000 ? clock(ms) : clockShort(ms);
  });
}

/** RFC 3339 → Unix ms. Go writes year 1 for "never": that and nonsense are null. */
export function parseTime(text: string | null | undefined): number | null {
  const ms = Date.parse(text ?? '');
  return Number.isNaN(ms) || ms <= 0 ? null : ms;
}
