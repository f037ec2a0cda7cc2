import type uPlot from 'uplot';
import type { Threshold } from '../api/service';
import { speakText } from '../format/units';
import { paint } from './paint';

// What is drawn on a chart besides its lines: spans of alerts, changes, limits.

export const FONT =
  '12px system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", sans-serif';

/** A tinted stretch of time (an alert) in Unix seconds. */
export type Span = { from: number; to: number; colour: string };

/** From one value to another: where the values usually are. */
export type Band = { low: number; high: number };

export function drawBand(u: uPlot, { low, high }: Band): void {
  const { left, top, width, height } = u.bbox;
  const upper = Math.max(top, u.valToPos(high, 'y', true));
  const lower = Math.min(top + height, u.valToPos(low, 'y', true));
  // A band without height is a line, and is seen all the same.
  u.ctx.fillStyle = paint('--text-3', 0.16);
  u.ctx.fillRect(left, upper, width, Math.max(2 * devicePixelRatio, lower - upper));
}

export function drawSpans(u: uPlot, spans: Span[]): void {
  for (const { from, to, colour } of spans) {
    const left = Math.max(u.valToPos(from, 'x', true), u.bbox.left);
    const right = Math.min(u.valToPos(to, 'x', true), u.bbox.left + u.bbox.width);
    if (right <= left) continue;
    u.ctx.fillStyle = paint(colour, 0.07);
    u.ctx.fillRect(left, u.bbox.top, right - left, u.bbox.height);
  }
}

export function drawMarks(u: uPlot, marks: number[]): void {
  for (const at of marks) {
    const x = Math.round(u.valToPos(at, 'x', true));
    if (x < u.bbox.left || x > u.bbox.left + u.bbox.width) continue;
    line(u, '--text-3', [3, 3], x, u.bbox.top, x, u.bbox.top + u.bbox.height);
  }
}

/**
 * Limits as lines, with their names at the left, where the newest values are not. One above the
 * axis has no line: its name stands at the top with its value and an arrow.
 */
export function drawThresholds(u: uPlot, thresholds: Threshold[], unit: string): void {
  const ratio = devicePixelRatio;
  const { left, top, width, height } = u.bbox;
  // Names of lines that lie close stand side by side, or neither could be read.
  let beside = { y: Number.NEGATIVE_INFINITY, left: 0 };
  for (const { value, severity, name } of thresholds) {
    const at = Math.round(u.valToPos(value, 'y', true));
    if (at > top + height) continue;
    const outside = at < top;
    // Above the plot there is its padding: the data's peaks stay free.
    const y = outside ? top - 11 * ratio : at;
    const colour = COLOURS[severity] ?? COLOURS.info;
    if (!outside) line(u, colour.line, [], left, y, left + width, y);
    const below = y - top < 16 * ratio;
    const start = Math.abs(y - beside.y) < 16 * ratio ? beside.left : left + 4 * ratio;
    const said = outside ? `↑ ${name} ${speakText(value, unit)}` : name;
    const end = label(u, said, colour.text, start, y, below);
    beside = { y, left: end + 10 * ratio };
  }
}

type Colours = { line: string; text: string };
const INFO: Colours = { line: '--text-3', text: '--text-2' };
const COLOURS: Record<string, Colours> & { info: Colours } = {
  critical: { line: '--critical', text: '--critical-text' },
  warning: { line: '--warning', text: '--warning-text' },
  info: INFO,
};

/** Writes a name above (or below) `y`, haloed so that a line behind it does not cross it out. */
function label(
  u: uPlot,
  text: string,
  colour: string,
  x: number,
  y: number,
  below: boolean,
): number {
  const { ctx } = u;
  const ratio = devicePixelRatio;
  ctx.save();
  ctx.font = FONT.replace('12px', `${11 * ratio}px`);
  ctx.textAlign = 'left';
  ctx.textBaseline = below ? 'top' : 'bottom';
  ctx.lineJoin = 'round';
  ctx.lineWidth = 4 * ratio;
  ctx.strokeStyle = paint('--surface');
  ctx.fillStyle = paint(colour);
  const baseline = y + (below ? 3 : -3) * ratio;
  ctx.strokeText(text, x, baseline);
  ctx.fillText(text, x, baseline);
  const end = x + ctx.measureText(text).width;
  ctx.restore();
  return end;
}

function line(
  u: uPlot,
  colour: string,
  dash: number[],
  fromX: number,
  fromY: number,
  toX: number,
  toY: number,
): void {
  u.ctx.save();
  u.ctx.strokeStyle = paint(colour);
  u.ctx.lineWidth = devicePixelRatio;
  u.ctx.setLineDash(dash.map((length) => length * devicePixelRatio));
  u.ctx.beginPath();
  u.ctx.moveTo(fromX, fromY);
  u.ctx.lineTo(toX, toY);
  u.ctx.stroke();
  u.ctx.restore();
}
