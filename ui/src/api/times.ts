/** A time on the wire: RFC 3339, or Unix seconds as Prometheus takes and gives them. */
export type Time = string | number;

/** Unix milliseconds; null for what is no time. */
export function timeMs(time: Time | null | undefined): number | null {
  if (time === null || time === undefined || time === '') return null;
  const seconds = Number(time);
  if (Number.isFinite(seconds)) return seconds > 0 ? seconds * 1000 : null;
  const ms = Date.parse(String(time));
  return Number.isNaN(ms) ? null : ms;
}
