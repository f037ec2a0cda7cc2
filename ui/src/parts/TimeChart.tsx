import { useEffect, useMemo, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import type { Threshold } from '../api/service';
import { timeTicks } from '../format/time';
import { tickSteps, valueTicks } from '../format/units';
import { drawnTheme } from '../state/settings';
import { type ChartSeries, lonely, stacked, valueRange } from './chartData';
import { drawMarks, drawSpans, drawThresholds, FONT, type Span } from './chartMarks';
import { paint } from './paint';

export type Cursor = {
  /** Index into the times; null when the pointer is on no chart. */
  at: number | null;
  /** The series nearest to the pointer, if it is on this chart. */
  nearest: number | null;
};

export type TimeChartProps = {
  /** Unix seconds, ascending. */
  times: number[];
  series: ChartSeries[];
  unit: string;
  stack: boolean;
  fromZero: boolean;
  thresholds: Threshold[];
  spans: Span[];
  /** Times of changes, in Unix seconds: dashed verticals. */
  marks: number[];
  /** Unix seconds. */
  bounds: { start: number; end: number };
  height: number;
  onCursor: (cursor: Cursor) => void;
  /** Unix ms. */
  onZoom: (fromMs: number, toMs: number) => void;
  onReset: () => void;
};

// A click trembles by a pixel or two; a brush is wider.
const BRUSH_MIN_PX = 5;

/** The one chart over time, and the only place that knows uPlot. All charts share a crosshair. */
export function TimeChart(props: TimeChartProps) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const pointer = useRef({ left: -1, top: -1 });
  const latest = useRef(props);
  latest.current = props;

  const names = useMemo(
    () => JSON.stringify(props.series.map(({ name, colour, beyond }) => [name, colour, beyond])),
    [props.series],
  );
  const { unit, stack, fromZero, height, thresholds } = props;
  const shape = JSON.stringify([drawnTheme(), unit, stack, fromZero, height, thresholds, names]);

  // The shape stands for all that is drawn; the rest is read through `latest`.
  useEffect(() => {
    const element = box.current;
    if (element === null) return undefined;
    const made = new uPlot(
      optionsOf(latest, pointer, element.clientWidth),
      dataOf(latest.current),
      element,
    );
    plot.current = made;
    placeCrosshair(made, pointer.current);
    const resize = new ResizeObserver(() => {
      if (element.clientWidth > 0) {
        made.setSize({ width: element.clientWidth, height: latest.current.height });
      }
    });
    resize.observe(element);
    return () => {
      resize.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [shape]);

  // New data alone must not build anew.
  useEffect(() => {
    const made = plot.current;
    if (made === null) return;
    made.batch(() => made.setData(dataOf(props)));
    placeCrosshair(made, pointer.current);
  }, [props.times, props.series, props.bounds.start, props.bounds.end]);

  return (
    <div
      ref={box}
      class="chart"
      style={{ height: `${props.height}px` }}
      onPointerLeave={() => {
        crosshair = null;
      }}
    />
  );
}

/** The time under the pointer, in Unix seconds, in whichever chart that is. */
let crosshair: number | null = null;

/**
 * Puts the crosshair back after new data or a new plot: in the chart under the pointer to where the
 * pointer rests, in all others to the same time.
 */
function placeCrosshair(u: uPlot, pointer: { left: number; top: number }): void {
  if (u.root.matches(':hover')) {
    if (pointer.left >= 0) u.setCursor(pointer);
  } else if (crosshair !== null) {
    u.setCursor({ left: u.valToPos(crosshair, 'x'), top: 0 });
  }
}

type Latest = { readonly current: TimeChartProps };
type Pointer = { current: { left: number; top: number } };

function dataOf({ times, series, stack }: TimeChartProps): uPlot.AlignedData {
  const values = series.map((one) => one.values);
  return [times, ...(stack ? stacked(values) : values)];
}

function optionsOf(latest: Latest, pointer: Pointer, width: number): uPlot.Options {
  const { series, unit, stack, fromZero, thresholds, height } = latest.current;
  const axis = { stroke: paint('--text-3'), font: FONT, ticks: { show: false } };
  const grid = { stroke: paint('--grid'), width: 1 };
  return {
    width,
    height,
    legend: { show: false },
    padding: [8, 8, 0, 0],
    scales: {
      x: { time: true, range: () => [latest.current.bounds.start, latest.current.bounds.end] },
      y: { range: (_, min, max) => valueRange(min, max, fromZero || stack, thresholds) },
    },
    axes: [
      {
        ...axis,
        grid: { show: false },
        size: 24,
        gap: 6,
        space: 72,
        values: (_, splits, __, ___, step) =>
          timeTicks(
            splits.map((at) => at * 1000),
            step * 1000,
          ),
      },
      {
        ...axis,
        grid,
        gap: 8,
        space: 28,
        size: (_, labels) => Math.max(48, ...(labels ?? []).map((text) => text.length * 6.5 + 14)),
        values: (_, splits) => valueTicks(splits, unit),
        incrs: (_, __, min, max) => tickSteps(unit, Math.max(-min, max)),
      },
    ],
    series: [{}, ...series.map((one, i) => lineOf(one, stack, i, series.length))],
    ...(stack && { bands: bandsOf(series) }),
    cursor: {
      y: false,
      points: { size: 6, width: 1.5 },
      drag: { x: true, y: false, setScale: false },
      // Only the crosshair is shared: a brush in one chart must not brush in all of them.
      sync: {
        key: 'page',
        setSeries: false,
        filters: { pub: (type) => type === 'mousemove' || type === 'mouseleave' },
      },
      bind: {
        dblclick: () => () => {
          latest.current.onReset();
          return null;
        },
      },
    },
    hooks: hooksOf(latest, pointer),
  };
}

function lineOf(one: ChartSeries, stack: boolean, i: number, count: number): uPlot.Series {
  const alone = count === 1;
  return {
    label: one.name,
    stroke: paint(one.colour),
    width: 1.5,
    spanGaps: false,
    auto: one.beyond !== true,
    ...(((stack && i === 0) || (alone && !stack)) && {
      fill: paint(one.colour, stack ? 0.22 : 0.1),
    }),
    points: {
      show: true,
      size: 4,
      filter: (u, index) => lonely(u.data[index] ?? []),
    },
  };
}

function bandsOf(series: ChartSeries[]): uPlot.Band[] {
  return series.slice(1).map((one, i) => ({
    series: [i + 2, i + 1],
    fill: paint(one.colour, 0.22),
  }));
}

function hooksOf(latest: Latest, pointer: Pointer): uPlot.Hooks.Arrays {
  return {
    drawClear: [(u) => drawSpans(u, latest.current.spans)],
    draw: [
      (u) => {
        drawMarks(u, latest.current.marks);
        drawThresholds(u, latest.current.thresholds, latest.current.unit);
      },
    ],
    setCursor: [
      (u) => {
        pointer.current = { left: u.cursor.left ?? -1, top: u.cursor.top ?? -1 };
        const at =
          u.cursor.left !== undefined && u.cursor.left >= 0 ? (u.cursor.idx ?? null) : null;
        const here = u.root.matches(':hover');
        if (here) crosshair = at === null ? null : (u.data[0][at] ?? null);
        latest.current.onCursor({ at, nearest: here && at !== null ? nearestTo(u, at) : null });
      },
    ],
    setSelect: [
      (u) => {
        const { left, width } = u.select;
        if (width >= BRUSH_MIN_PX) {
          const from = u.posToVal(left, 'x') * 1000;
          const to = u.posToVal(left + width, 'x') * 1000;
          // Ten seconds hold two scrapes; closer than that there is nothing to see.
          if (to - from >= 10_000) latest.current.onZoom(from, to);
        }
        u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
      },
    ],
  };
}

function nearestTo(u: uPlot, at: number): number | null {
  const pointer = u.cursor.top ?? 0;
  let nearest: number | null = null;
  let least = Number.POSITIVE_INFINITY;
  for (let i = 1; i < u.data.length; i += 1) {
    const value = u.data[i]?.[at];
    if (value === null || value === undefined) continue;
    const distance = Math.abs(u.valToPos(value, 'y') - pointer);
    if (distance < least) {
      least = distance;
      nearest = i - 1;
    }
  }
  return nearest;
}
