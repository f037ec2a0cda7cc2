import { speakSeconds } from './duration';
import { digits, NOTHING, type Spoken, speakBytes, speakCount } from './number';

/** A value in the words of its unit. An unknown unit is shown as it is named. */
export function speak(value: number | null | undefined, unit: string): Spoken {
  if (value === null || value === undefined || Number.isNaN(value)) {
    return { number: NOTHING, unit: '' };
  }
  if (!Number.isFinite(value)) return { number: value > 0 ? '∞' : '−∞', unit: '' };
  switch (unit) {
    case 'reqps':
      return speakCount(value, '/s');
    case 'ops':
      return speakCount(value, ' ops/s');
    case 'percentunit':
      return { number: digits(value * 100), unit: '%' };
    case 's':
      return speakSeconds(value);
    case 'bytes':
      return speakBytes(value);
    case 'binBps': {
      const { number, unit: bytes } = speakBytes(value);
      return { number, unit: `${bytes}/s` };
    }
    case 'cores':
      return { number: digits(value), unit: value === 1 ? 'core' : 'cores' };
    case 'short':
    case '':
      return speakCount(value);
    default:
      return speakCount(value, ` ${unit}`);
  }
}

/** `340 ms`, `1.2 k/s`, `0.4 %`; number and unit never break apart. */
export function speakText(value: number | null | undefined, unit: string): string {
  const spoken = speak(value, unit);
  return spoken.unit === '' ? spoken.number : `${spoken.number}\u00a0${spoken.unit.trim()}`;
}

/** For a legend, whose axis says the unit: a long one on every line cuts the names. */
export function speakBrief(value: number | null | undefined, unit: string): string {
  return speakText(value, unit === 'cores' || unit === 'ops' ? 'short' : unit);
}

const BINARY_STEPS = Array.from({ length: 50 }, (_, power) => 2 ** power);

const DECIMAL_STEPS = Array.from({ length: 13 }, (_, i) => i - 9).flatMap((power) =>
  [1, 2, 2.5, 5].map((digit) => Number(`${digit}e${power}`)),
);

// Past a minute, durations are read in minutes, hours and days, so ticks are round in those.
const SECOND_STEPS = [
  ...DECIMAL_STEPS.filter((step) => step <= 20),
  ...[30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 14_400, 21_600, 43_200],
  ...[1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000].map((days) => days * 86_400),
];

const WHOLE_STEPS = DECIMAL_STEPS.filter(Number.isInteger);

/**
 * How far apart the ticks of an axis may be that reaches to `largest`. What has no unit is a count,
 * and there is no half worker; what stays below one is a share after all.
 */
export function tickSteps(unit: string, largest: number): number[] {
  if (unit === 'bytes' || unit === 'binBps') return BINARY_STEPS;
  if (unit === 's') return SECOND_STEPS;
  return (unit === 'short' || unit === '') && largest >= 1 ? WHOLE_STEPS : DECIMAL_STEPS;
}

const SUFFIX_SHORT = 3;

/**
 * Labels for the ticks of a value axis. All ticks share the unit that fits the largest of them: an
 * axis from 900 ms to 1.1 s would need reading twice. Decimals are as many as tell all ticks apart.
 */
export function valueTicks(ticks: number[], unit: string): string[] {
  const largest = ticks.reduce((max, tick) => Math.max(max, Math.abs(tick)), 0);
  const factor = axisFactor(largest, unit);
  const suffix = speak(largest, unit).unit.trim();
  const scaled = ticks.map((tick) => tick * factor);
  const decimals = [0, 1, 2, 3].find((count) => scaled.every((tick) => isRound(tick, count))) ?? 4;
  // A long unit on every tick is noise beside the chart: the topmost one says it.
  const sparse = suffix.length > SUFFIX_SHORT;
  return scaled.map((tick, i) => {
    const number = tick === 0 ? '0' : tick.toFixed(decimals).replace('-', '−');
    const bare = suffix === '' || (sparse && i < scaled.length - 1);
    return bare ? number : `${number}\u00a0${suffix}`;
  });
}

function isRound(value: number, decimals: number): boolean {
  const shifted = value * 10 ** decimals;
  return Math.abs(shifted - Math.round(shifted)) < 1e-6 * Math.max(1, Math.abs(shifted));
}

/** What a raw value is multiplied with to be in the unit that `speak` chose for `largest`. */
function axisFactor(largest: number, unit: string): number {
  const chosen = speak(largest, unit).unit.trim();
  const seconds: Record<string, number> = {
    µs: 1e6,
    ms: 1e3,
    s: 1,
    min: 1 / 60,
    h: 1 / 3_600,
    d: 1 / 86_400,
  };
  const bytes = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
  if (unit === 's') return seconds[chosen] ?? 1;
  if (unit === 'percentunit') return 100;
  if (unit === 'bytes' || unit === 'binBps') {
    return 1024 ** -Math.max(0, bytes.indexOf(chosen.replace('/s', '')));
  }
  if (unit === 'cores') return 1;
  const power = ' kMGTP'.indexOf(chosen.charAt(0));
  return power > 0 ? 1000 ** -power : 1;
}
