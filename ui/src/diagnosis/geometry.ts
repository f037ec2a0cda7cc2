import type { Box } from './boxes';

// How large boxes are and where their members stand in them. Everything is in px.

export type Place = { x: number; y: number; width: number; height: number };
/** What is laid out, and how large all of it is. */
export type Layout = {
  width: number;
  height: number;
  /** By the id of the box; left and top. */
  places: Map<string, Place>;
  /** By the key of the edge: the points its line goes by. */
  lines: Map<string, { x: number; y: number }[]>;
};

/** An open group shows so many of its members, the worst first. */
export const MEMBERS_MAX = 120;

export const BOX = { width: 184, height: 48 };
export const CELL = { width: 152, height: 28, gap: 4 };
/** An open group's head and rim. */
export const GROUP = { head: 32, rim: 8 };
/** How many cells stand side by side: broader than high, as screens are. */
export const columnsOf = (cells: number) => Math.max(1, Math.ceil(Math.sqrt(cells / 3)));

/** How many members an open group shows, and whether a cell for the others follows. */
export function cellsOf({ nodes }: Box): { shown: number; more: number } {
  const shown = Math.min(nodes.length, MEMBERS_MAX);
  return { shown, more: nodes.length - shown };
}

export function sizeOf(box: Box): { width: number; height: number } {
  if (!box.open) return BOX;
  const { shown, more } = cellsOf(box);
  const cells = shown + (more > 0 ? 1 : 0);
  const columns = columnsOf(cells);
  const rows = Math.ceil(cells / columns);
  return {
    width: Math.max(BOX.width, columns * (CELL.width + CELL.gap) - CELL.gap + 2 * GROUP.rim),
    height: GROUP.head + rows * (CELL.height + CELL.gap) - CELL.gap + GROUP.rim,
  };
}

/** Where the member of an open group stands, from the group's left and top. */
export function cellPlace(i: number, cells: number): Place {
  const columns = columnsOf(cells);
  return {
    x: GROUP.rim + (i % columns) * (CELL.width + CELL.gap),
    y: GROUP.head + Math.floor(i / columns) * (CELL.height + CELL.gap),
    width: CELL.width,
    height: CELL.height,
  };
}

/** Where each entity that is seen stands: its own box, or its cell in an open group. */
export function entityPlaces(boxes: Box[], places: Map<string, Place>): Map<string, Place> {
  const found = new Map<string, Place>();
  for (const box of boxes) {
    const place = places.get(box.id);
    if (place === undefined) continue;
    found.set(box.id, place);
    if (!box.open) continue;
    const { shown, more } = cellsOf(box);
    box.nodes.slice(0, shown).forEach(({ entity }, i) => {
      const cell = cellPlace(i, shown + (more > 0 ? 1 : 0));
      found.set(entity.id, { ...cell, x: place.x + cell.x, y: place.y + cell.y });
    });
  }
  return found;
}

export type Direction = 'left' | 'right' | 'up' | 'down';

/**
 * The next one from `at` in a direction: what is connected before what is near. Null at the rim.
 */
export function nextTowards(
  places: Map<string, Place>,
  edges: { from: string; to: string }[],
  at: string,
  direction: Direction,
): string | null {
  const here = places.get(at);
  if (here === undefined) return null;
  const linked = new Set(
    edges.flatMap(({ from, to }) => (from === at ? [to] : to === at ? [from] : [])),
  );
  const sideways = direction === 'left' || direction === 'right';
  const sign = direction === 'left' || direction === 'up' ? -1 : 1;
  let best: { id: string; cost: number } | null = null;
  for (const [id, place] of places) {
    if (id === at) continue;
    const dx = place.x + place.width / 2 - here.x - here.width / 2;
    const dy = place.y + place.height / 2 - here.y - here.height / 2;
    const along = sign * (sideways ? dx : dy);
    const across = Math.abs(sideways ? dy : dx);
    if (along < 1) continue;
    // What lies more across than along is another direction; what is connected may lie further off.
    if (across > along * (linked.has(id) ? 2.5 : 1.5)) continue;
    const cost = (along + 2 * across) * (linked.has(id) ? 0.25 : 1);
    if (best === null || cost < best.cost) best = { id, cost };
  }
  return best?.id ?? null;
}

/** A line through points as an SVG path, round at its corners. */
export function roundedPath(points: { x: number; y: number }[]): string {
  const [first, ...rest] = points;
  if (first === undefined) return '';
  const at = ({ x, y }: { x: number; y: number }) => `${Math.round(x)} ${Math.round(y)}`;
  if (rest.length < 2) return `M${at(first)}${rest.map((point) => `L${at(point)}`).join('')}`;
  let path = `M${at(first)}`;
  for (let i = 0; i < rest.length - 1; i += 1) {
    const corner = rest[i];
    const next = rest[i + 1];
    if (corner === undefined || next === undefined) break;
    const last = i === rest.length - 2;
    const to = last ? next : { x: (corner.x + next.x) / 2, y: (corner.y + next.y) / 2 };
    path += `Q${at(corner)} ${at(to)}`;
  }
  return path;
}

/** The point half way along a line of points. */
export function middleOf(points: { x: number; y: number }[]): { x: number; y: number } {
  let length = 0;
  for (let i = 1; i < points.length; i += 1) length += distance(points[i - 1], points[i]);
  let left = length / 2;
  for (let i = 1; i < points.length; i += 1) {
    const a = points[i - 1];
    const b = points[i];
    if (a === undefined || b === undefined) break;
    const step = distance(a, b);
    if (step >= left && step > 0) {
      const part = left / step;
      return { x: a.x + (b.x - a.x) * part, y: a.y + (b.y - a.y) * part };
    }
    left -= step;
  }
  return points[0] ?? { x: 0, y: 0 };
}

type Point = { x: number; y: number };
const distance = (a: Point | undefined, b: Point | undefined) =>
  a === undefined || b === undefined ? 0 : Math.hypot(a.x - b.x, a.y - b.y);

/** An arrow's head at the end of a line, as an SVG polygon's points. */
export function arrowAt(points: Point[], size: number): string {
  const tip = points.at(-1);
  const before = points.at(-2);
  if (tip === undefined || before === undefined) return '';
  const length = distance(before, tip) || 1;
  const ux = (tip.x - before.x) / length;
  const uy = (tip.y - before.y) / length;
  const corner = (side: number) =>
    [tip.x - ux * size + side * uy * size * 0.5, tip.y - uy * size - side * ux * size * 0.5]
      .map((value) => value.toFixed(1))
      .join(',');
  return `${tip.x.toFixed(1)},${tip.y.toFixed(1)} ${corner(1)} ${corner(-1)}`;
}
