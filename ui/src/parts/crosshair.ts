import type uPlot from 'uplot';
import { steppedIndex } from './chartData';

// One crosshair for all charts of a page. The chart under the pointer or a finger, or the one that
// has the keyboard, leads; the others show the same time.

type Lead = { chart: Element; by: 'pointer' | 'keys' };
let lead: Lead | null = null;
/** The time of the crosshair, in Unix seconds. */
let time: number | null = null;
const plots = new Set<uPlot>();

/** Adds a plot to those that share the crosshair. Returns what undoes it. */
export function shareCrosshair(u: uPlot): () => void {
  plots.add(u);
  return () => plots.delete(u);
}

/** Whether this plot leads, and by what. */
export function leads(u: uPlot): 'pointer' | 'keys' | null {
  return lead?.chart.contains(u.root) ? lead.by : null;
}

/** Notes where the pointer has the crosshair; null when it is on no point. */
export function noteTime(at: number | null): void {
  time = at;
}

export function pointerEnters(chart: Element): void {
  lead = { chart, by: 'pointer' };
}

export function pointerLeaves(chart: Element): void {
  if (lead?.chart !== chart || lead.by !== 'pointer') return;
  lead = null;
  time = null;
}

/** A chart that leaves the page takes its crosshair along: no event says so. */
export function chartLeaves(chart: Element | null): void {
  if (lead === null || lead.chart !== chart) return;
  lead = null;
  time = null;
}

/** Puts the crosshair back after new data or a new plot. `rest` is where the pointer rests. */
export function restoreCrosshair(u: uPlot, rest: { left: number; top: number }): void {
  if (leads(u) === 'pointer') {
    if (rest.left >= 0) u.setCursor(rest);
  } else if (time !== null) {
    u.setCursor(placeOf(u, time));
  }
}

// A crosshair that was moved by keys is near no line: it counts as above all of them.
const placeOf = (u: uPlot, at: number) => ({ left: Math.max(0, u.valToPos(at, 'x')), top: 0 });
const NOWHERE = { left: -10, top: -10 };

function follow(except: uPlot | null): void {
  for (const plot of plots) {
    if (plot !== except) plot.setCursor(time === null ? NOWHERE : placeOf(plot, time));
  }
}

// Shift takes ten points at a time: a wide chart has several hundred.
const STRIDE = 10;

/** Moves the crosshair by keys while `panel` has the focus. Returns what undoes it. */
export function moveByKeys(u: uPlot, chart: Element, panel: HTMLElement): () => void {
  const onKey = (event: KeyboardEvent) => {
    // Buttons of the panel have keys of their own.
    if (event.target !== panel || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === 'Escape') {
      onBlur();
    } else if (event.key === 'ArrowLeft' || event.key === 'ArrowRight') {
      const step = (event.key === 'ArrowLeft' ? -1 : 1) * (event.shiftKey ? STRIDE : 1);
      const at = time === null ? null : u.valToIdx(time);
      const next = steppedIndex(u.data.slice(1), at, step);
      if (next === null) return;
      lead = { chart, by: 'keys' };
      time = u.data[0][next] ?? null;
      follow(null);
    } else return;
    event.preventDefault();
  };
  const onBlur = () => {
    if (lead?.chart !== chart || lead.by !== 'keys') return;
    time = null;
    follow(null);
    lead = null;
  };
  panel.addEventListener('keydown', onKey);
  panel.addEventListener('blur', onBlur);
  return () => {
    panel.removeEventListener('keydown', onKey);
    panel.removeEventListener('blur', onBlur);
  };
}

// A finger trembles, and covers a dozen pixels.
const TOUCH_BRUSH_MIN_PX = 16;

/**
 * A finger moves the crosshair, and brushes a range as it goes: uPlot knows the mouse only. Up and
 * down stay with the page's scrolling (`touch-action`).
 */
export function brushByTouch(u: uPlot, chart: Element): () => void {
  let from: number | null = null;
  const select = (left: number, width: number, fire: boolean) =>
    u.setSelect({ left, width, top: 0, height: u.over.clientHeight }, fire);
  const moveTo = (event: PointerEvent): number => {
    const box = u.over.getBoundingClientRect();
    const left = Math.min(box.width, Math.max(0, event.clientX - box.left));
    u.setCursor({ left, top: event.clientY - box.top });
    follow(u);
    return left;
  };
  const onDown = (event: PointerEvent) => {
    if (event.pointerType !== 'touch' || !event.isPrimary) return;
    pointerEnters(chart);
    from = moveTo(event);
  };
  const onMove = (event: PointerEvent) => {
    if (from === null || !event.isPrimary) return;
    const to = moveTo(event);
    select(Math.min(from, to), Math.abs(to - from), false);
  };
  const onUp = (event: PointerEvent) => {
    if (from === null || !event.isPrimary) return;
    const { left, width } = u.select;
    const meant = width >= TOUCH_BRUSH_MIN_PX;
    from = null;
    select(meant ? left : 0, meant ? width : 0, meant);
  };
  const onCancel = () => {
    if (from !== null) select(0, 0, false);
    from = null;
  };
  u.over.addEventListener('pointerdown', onDown);
  u.over.addEventListener('pointermove', onMove);
  u.over.addEventListener('pointerup', onUp);
  u.over.addEventListener('pointercancel', onCancel);
  // The listeners go with the plot's own element.
  return onCancel;
}
