import { graphlib, layout } from '@dagrejs/dagre';
import type { Box } from './boxes';
import { type Layout, type Place, sizeOf } from './geometry';
import type { Edge } from './picture';

// The only place that knows dagre; a chunk of its own.

const MARGIN = 16;
const BETWEEN = 24;
// Boxes without relations fill rows at least this wide.
const ROW_MIN = 640;

/** Layers by the direction of the relations: who calls stands before whom it calls. */
export function layered(boxes: Box[], edges: Edge[], direction: 'LR' | 'TB'): Layout {
  const tied = new Set(edges.flatMap(({ from, to }) => [from, to]));
  const graph = new graphlib.Graph();
  graph.setGraph({
    rankdir: direction,
    nodesep: BETWEEN,
    // What flows is written on the line: sideways that takes more room.
    ranksep: direction === 'LR' ? 124 : 56,
    marginx: MARGIN,
    marginy: MARGIN,
  });
  graph.setDefaultEdgeLabel(() => ({}));
  const joined = boxes.filter(({ id }) => tied.has(id));
  for (const box of joined) graph.setNode(box.id, { ...sizeOf(box) });
  for (const { from, to } of edges) graph.setEdge(from, to, {});
  if (joined.length > 0) layout(graph);
  const places = new Map<string, Place>();
  for (const { id } of joined) {
    const { x = 0, y = 0, width = 0, height = 0 } = graph.node(id) as Partial<Place>;
    places.set(id, { x: x - width / 2, y: y - height / 2, width, height });
  }
  const lines = new Map<string, { x: number; y: number }[]>();
  for (const { key, from, to } of edges) {
    const { points = [] } = graph.edge(from, to) as { points?: { x: number; y: number }[] };
    lines.set(key, points);
  }
  const { width = 0, height = 0 } = graph.graph() as { width?: number; height?: number };
  const made = joined.length === 0 ? { width: 2 * MARGIN, height: MARGIN } : { width, height };
  const rest = boxes.filter(({ id }) => !tied.has(id));
  return { ...inRows(rest, made, places, direction === 'LR' ? ROW_MIN : 0), places, lines };
}

/** Places what has no relations in rows below the rest. Returns how large all of it is. */
function inRows(
  boxes: Box[],
  above: { width: number; height: number },
  places: Map<string, Place>,
  least: number,
): { width: number; height: number } {
  if (boxes.length === 0) return above;
  const right = Math.max(above.width - MARGIN, least);
  let x = MARGIN;
  let y = above.height;
  let rowHeight = 0;
  let width = above.width;
  for (const box of boxes) {
    const size = sizeOf(box);
    if (x > MARGIN && x + size.width > right) {
      x = MARGIN;
      y += rowHeight + BETWEEN;
      rowHeight = 0;
    }
    places.set(box.id, { x, y, ...size });
    x += size.width + BETWEEN;
    width = Math.max(width, x - BETWEEN + MARGIN);
    rowHeight = Math.max(rowHeight, size.height);
  }
  return { width, height: y + rowHeight + MARGIN };
}
