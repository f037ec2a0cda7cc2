/** A number and its unit apart, so a column can align the one and dim the other. */
export type Spoken = { number: string; unit: string };

/** What stands where there is no value. */
export const NOTHING = '–';

/**
 * As many digits as people say: `340`, `34.2`, `3.4`, `0.34`. Three figures at most; a fixed count
 * of decimals would call 0.004 "0.00" and 12,345 "12345.00".
 */
export function digits(value: number): string {
  const size = Math.abs(value);
  if (size === 0) return '0';
  if (size >= 99.95) return trim(value.toFixed(0));
  if (size >= 0.995) return trim(value.toFixed(1));
  if (size >= 0.001) return trim(value.toPrecision(2));
  return value.toExponential(0).replace('e-', 'e−').replace('-', '−');
}

function trim(text: string): string {
  const short = text.includes('.') ? text.replace(/\.?0+$/, '') : text;
  return short === '-0' ? '0' : short.replace('-', '−');
}

const THOUSANDS = ['', 'k', 'M', 'G', 'T', 'P'];
const BINARY = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

function stepped(value: number, base: number): { scaled: number; power: number } {
  let scaled = value;
  let power = 0;
  // 999.5 already reads "1000": the next prefix is due.
  while (Math.abs(scaled) >= base * 0.9995 && power < THOUSANDS.length - 1) {
    scaled /= base;
    power += 1;
  }
  return { scaled, power };
}

/** 1,234 → `1.2` and `k`. */
export function speakCount(value: number, unit = ''): Spoken {
  const { scaled, power } = stepped(value, 1000);
  return { number: digits(scaled), unit: `${THOUSANDS[power] ?? ''}${unit}` };
}

/** 1,258,291 → `1.2` and `MiB`. */
export function speakBytes(value: number): Spoken {
  const { scaled, power } = stepped(value, 1024);
  return { number: digits(scaled), unit: BINARY[power] ?? 'B' };
}

/** Whole numbers in full with thin spaces: 12,345 → `12 345`. */
export function whole(value: number): string {
  return Math.round(value)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, '\u202f');
}

/** `1 service`, `3 services`. */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${whole(count)} ${count === 1 ? one : many}`;
}
