import { useEffect, useMemo, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import type { Threshold } from '../api/service';
import { timeTicks } from '../format/time';
import { tickSteps, valueTicks } from '../format/units';
import { drawnTheme } from '../state/settings';
import { type ChartSeries, lonely, stacked, valueRange } from './chartData';
import {
  type Band,
  drawBand,
  drawMarks,
  drawSpans,
  drawThresholds,
  FONT,
  type Span,
} from './chartMarks';
import {
  brushByTouch,
  chartLeaves,
  leads,
  moveByKeys,
  noteTime,
  pointerEnters,
  pointerLeaves,
  restoreCrosshair,
  shareCrosshair,
} from './crosshair';
import { paint } from './paint';
import '../style/charts.css';

export type Cursor = {
  /** Index into the times; null when the pointer is on no chart. */
  at: number | null;
  /** The series nearest to the pointer, if it is on this chart. */
  nearest: number | null;
  /** Whether this chart's reader moves it by keys, so that the values are to be read out. */
  byKeys: boolean;
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
  /** Where the values usually are. */
  band?: Band | null;
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
const PADDING_PX = 8;
// The mean width of a figure in the font of the axes.
const GLYPH_PX = 6.5;

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
    const undo = [shareCrosshair(made), brushByTouch(made, element)];
    // The panel around the chart has the focus, so that its keys and the chart's are one.
    const panel = element.closest<HTMLElement>('[data-panel]');
    if (panel !== null) undo.push(moveByKeys(made, element, panel));
    restoreCrosshair(made, pointer.current);
    const resize = new ResizeObserver(() => {
      if (element.clientWidth > 0) {
        made.setSize({ width: element.clientWidth, height: latest.current.height });
      }
    });
    resize.observe(element);
    return () => {
      resize.disconnect();
      for (const one of undo) one();
      made.destroy();
      plot.current = null;
    };
  }, [shape]);

  useEffect(() => {
    const element = box.current;
    return () => chartLeaves(element);
  }, []);

  // New data alone must not build anew.
  useEffect(() => {
    const made = plot.current;
    if (made === null) return;
    made.batch(() => made.setData(dataOf(props)));
    restoreCrosshair(made, pointer.current);
  }, [props.times, props.series, props.bounds.start, props.bounds.end]);

  return (
    <div
      ref={box}
      class="chart"
      style={{ height: `${props.height}px` }}
      onPointerEnter={(event) => pointerEnters(event.currentTarget)}
      onPointerLeave={(event) => {
        // A finger that is lifted leaves what it pointed at to be read.
        if (event.pointerType !== 'touch') pointerLeaves(event.currentTarget);
      }}
    />
  );
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
    padding: [8, PADDING_PX, 0, 0],
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
        values: timeLabels,
      },
      {
        ...axis,
        grid,
        gap: 8,
        space: 28,
        size: (_, labels) =>
          Math.max(48, ...(labels ?? []).map((text) => text.length * GLYPH_PX + 14)),
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

/** The times below the chart, but for one that its right edge would cut. */
function timeLabels(
  u: uPlot,
  splits: number[],
  _axis: number,
  _space: number,
  step: number,
): string[] {
  const texts = timeTicks(
    splits.map((at) => at * 1000),
    step * 1000,
  );
  const end = u.valToPos(u.scales.x?.max ?? 0, 'x') + PADDING_PX;
  return texts.map((text, i) =>
    u.valToPos(splits[i] ?? 0, 'x') + (text.length * GLYPH_PX) / 2 > end ? '' : text,
  );
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
    drawClear: [
      (u) => {
        if (latest.current.band) drawBand(u, latest.current.band);
        drawSpans(u, latest.current.spans);
      },
    ],
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
        const by = leads(u);
        // Keys choose a time, not a place: new data under the place must not move it.
        if (by === 'pointer') noteTime(at === null ? null : (u.data[0][at] ?? null));
        const nearest = by !== null && at !== null ? nearestTo(u, at) : null;
        latest.current.onCursor({ at, nearest, byKeys: by === 'keys' });
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
