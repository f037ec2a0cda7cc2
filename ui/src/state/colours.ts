// Which colour a label value has. A page keeps one map, so a value keeps its colour in all charts.

/** How many series colours the tokens define (`--series-0` …). */
export const COLOURS = 8;

function hash(text: string): number {
  let sum = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) {
    sum = Math.imul(sum ^ text.charCodeAt(i), 0x01000193);
  }
  return sum >>> 0;
}

/** Quantiles are one family, not rivals: neighbouring hues, the farther out the warmer. */
const QUANTILES = new Map([
  ['p50', '--series-4'],
  ['p90', '--series-0'],
  ['p95', '--series-0'],
  ['p99', '--series-6'],
]);

/** The colour that a value always has, whatever page it is on: these mean something. */
function fixedColour(name: string): string | null {
  const quantile = QUANTILES.get(name);
  if (quantile !== undefined) return quantile;
  const status = /^([2345])(\d\d|xx)$/.exec(name)?.[1];
  return status === undefined ? null : `--status-${status}`;
}

/**
 * Gives out colours. The hash proposes one, so a value tends to keep its colour from page to page
 * and from reload to reload; a colour already in use on this page moves it on to the next free one.
 */
export class ColourBook {
  private readonly given = new Map<string, number>();

  /** The name of the token (`--series-3`) for this value. */
  of(name: string): string {
    const fixed = fixedColour(name);
    if (fixed !== null) return fixed;
    let slot = this.given.get(name);
    if (slot === undefined) {
      slot = this.freeSlot(hash(name) % COLOURS);
      this.given.set(name, slot);
    }
    return `--series-${slot}`;
  }

  private freeSlot(wanted: number): number {
    const uses = new Array<number>(COLOURS).fill(0);
    for (const slot of this.given.values()) uses[slot] = (uses[slot] ?? 0) + 1;
    const least = Math.min(...uses);
    for (let i = 0; i < COLOURS; i += 1) {
      const slot = (wanted + i) % COLOURS;
      if (uses[slot] === least) return slot;
    }
    return wanted;
  }
}
