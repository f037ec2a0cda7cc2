import { useSignal } from '@preact/signals';
import type { Boxed } from '../diagnosis/boxes';
import { relationWord } from '../diagnosis/entity';
import { arrowAt, type Layout, middleOf, type Place, roundedPath } from '../diagnosis/geometry';
import type { Edge } from '../diagnosis/picture';
import { afterText, type Flow } from '../diagnosis/propagation';
import { speakText } from '../format/units';

// More texts than this cover each other: then they come on hover only.
const TEXTS_MAX = 40;
// What people call some errors, and many.
const ERRORS_SOME = 0.01;
const ERRORS_MANY = 0.05;

export function trafficState({ errorRatio }: Pick<Edge, 'errorRatio'>): string {
  if (errorRatio === null || errorRatio < ERRORS_SOME) return '';
  return errorRatio < ERRORS_MANY ? 'warning' : 'critical';
}

/** 1 px for what is rare or not measured, up to 5 px: one more for each ten times as much. */
export function lineWidth(rate: number | null): number {
  if (rate === null || rate <= 0) return 1;
  return Math.min(5, Math.max(1, 1.5 + Math.log10(rate)));
}

/** `12 /s, 24 % errors, 340 ms`, as far as it is measured. */
export function trafficText({ rate, errorRatio, latency }: Edge): string {
  return [
    rate !== null && speakText(rate, 'reqps'),
    errorRatio !== null && errorRatio > 0 && `${speakText(errorRatio, 'percentunit')} errors`,
    latency !== null && speakText(latency, 's'),
  ]
    .filter(Boolean)
    .join(', ');
}

/** What stands on the line: the rate, and errors where there are some. */
function briefText({ rate, errorRatio }: Edge): string {
  return [
    rate !== null && speakText(rate, 'reqps'),
    errorRatio !== null &&
      errorRatio >= ERRORS_SOME &&
      `${speakText(errorRatio, 'percentunit')} fail`,
  ]
    .filter(Boolean)
    .join(', ');
}

type Point = { x: number; y: number };

/** The lines of the graph below its boxes. Their numbers are in the table twin, too. */
export function GraphEdges({
  boxed,
  layout,
  places,
  edges,
  selected,
  flows,
}: {
  boxed: Boxed;
  layout: Layout;
  places: Map<string, Place>;
  edges: Edge[];
  selected: string;
  flows: ReadonlyMap<string, Flow>;
}) {
  const hovered = useSignal('');
  const texts = boxed.size === 'layered' && boxed.edges.length <= TEXTS_MAX;
  const direct =
    boxed.size === 'layered' || selected === '' ? [] : directLines(edges, selected, places);
  const drawn = boxed.edges.flatMap((edge) => {
    const points = layout.lines.get(edge.key);
    return points === undefined || points.length < 2 ? [] : [{ edge, points, direct: false }];
  });
  const lines = [...drawn, ...direct];
  const near = lines.find(({ edge }) => edge.key === hovered.value);
  return (
    <>
      <svg class="graph-edges" width={layout.width} height={layout.height} aria-hidden="true">
        {lines.map(({ edge, points, direct: straight }) => (
          <Line
            key={`${straight ? 'direct ' : ''}${edge.key}`}
            edge={edge}
            points={points}
            flow={flows.get(edge.key)}
            dimmed={selected !== '' && edge.from !== selected && edge.to !== selected}
            lit={straight || edge.key === hovered.value}
            onHover={(on) => {
              hovered.value = on ? edge.key : '';
            }}
          />
        ))}
        {lines.map(({ edge, points }) => {
          const flow = flows.get(edge.key);
          const text =
            flow === undefined ? (texts ? briefText(edge) : '') : afterText(flow.afterMs);
          if (text === '') return null;
          const { x, y } = middleOf(points);
          return (
            <text
              key={edge.key}
              class={flow === undefined ? `edge-text ${trafficState(edge)}` : 'edge-text flow'}
              x={x}
              y={y - 5}
            >
              {text}
            </text>
          );
        })}
      </svg>
      {near !== undefined && <Tip edge={near.edge} at={middleOf(near.points)} />}
    </>
  );
}

function Line({
  edge,
  points,
  flow,
  dimmed,
  lit,
  onHover,
}: {
  edge: Edge;
  points: Point[];
  flow: Flow | undefined;
  dimmed: boolean;
  lit: boolean;
  onHover: (on: boolean) => void;
}) {
  const path = roundedPath(points);
  const measured = edge.rate !== null;
  const state = flow === undefined ? trafficState(edge) : 'flow';
  const width = lineWidth(edge.rate);
  // Trouble goes from who is called to who calls: against the relation, mostly.
  const towards = flow === undefined || flow.to === edge.to ? points : [...points].reverse();
  return (
    <g
      class={`edge ${state} ${measured ? '' : 'structure'} ${dimmed && !lit ? 'dimmed' : ''} ${lit ? 'lit' : ''}`}
      onPointerEnter={() => onHover(true)}
      onPointerLeave={() => onHover(false)}
    >
      <path class="edge-line" d={path} style={{ strokeWidth: `${width}px` }} />
      <polygon class="edge-head" points={arrowAt(towards, 6 + width)} />
      <path class="edge-touch" d={path} />
    </g>
  );
}

function Tip({ edge, at }: { edge: Edge; at: Point }) {
  return (
    <p class="edge-tip" style={{ left: `${at.x}px`, top: `${at.y}px` }}>
      <strong>{edge.types.map((type) => relationWord(type, 'from')).join(', ')}</strong>
      <span class="num">{trafficText(edge) || 'not measured'}</span>
    </p>
  );
}

/** Straight lines between the selected entity and its neighbours where they stand in groups. */
function directLines(edges: Edge[], selected: string, places: Map<string, Place>) {
  const here = places.get(selected);
  if (here === undefined) return [];
  return edges.flatMap((edge) => {
    if (edge.from !== selected && edge.to !== selected) return [];
    const from = places.get(edge.from);
    const to = places.get(edge.to);
    return from === undefined || to === undefined
      ? []
      : [{ edge, points: [rimOf(from, to), rimOf(to, from)], direct: true }];
  });
}

/** The point on the rim of `place` that faces `other`. */
function rimOf(place: Place, other: Place): Point {
  const cx = place.x + place.width / 2;
  const cy = place.y + place.height / 2;
  const dx = other.x + other.width / 2 - cx;
  const dy = other.y + other.height / 2 - cy;
  const reach = Math.min(
    dx === 0 ? Number.POSITIVE_INFINITY : place.width / 2 / Math.abs(dx),
    dy === 0 ? Number.POSITIVE_INFINITY : place.height / 2 / Math.abs(dy),
  );
  return Number.isFinite(reach) ? { x: cx + dx * reach, y: cy + dy * reach } : { x: cx, y: cy };
}
