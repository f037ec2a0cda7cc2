import type { Answer } from '../../api/client';
import { fetchRange, type Labels } from '../../api/query';
import { legendText } from '../../format/labels';
import { matchersOf, matcherText } from '../../format/matchers';
import { gridOf, onGrid } from '../../panels/panelData';
import { narrowed, ruleChart, type RuleChart } from './ruleChart';

type Range = { start: number; end: number; step: number };

export type AlertSeries = {
  chart: RuleChart;
  times: number[];
  lines: { name: string; values: (number | null)[]; isLimit: boolean }[];
  range: Range;
};

// An alert's value is one series; a few more are shown where labels do not tell them apart.
const LINES_MAX = 5;

/** The number that an alert's rule watches, as a line, and its limit if that is one, too. */
export async function fetchAlertSeries(
  query: string,
  labels: Labels,
  range: Range,
  abort: AbortSignal,
): Promise<Answer<AlertSeries>> {
  const chart = ruleChart(query);
  const number = await linesOf(chart.expr, labels, range, abort);
  const limit =
    chart.limitExpr === null
      ? { data: [], notes: [] }
      : await linesOf(chart.limitExpr, labels, range, abort);
  const lines = [
    ...number.data.map((line) => ({ ...line, isLimit: false })),
    ...limit.data.map((line) => ({
      ...line,
      name: line.name === 'value' ? 'limit' : `limit ${line.name}`,
      isLimit: true,
    })),
  ];
  return {
    data: { chart, times: gridOf(range), lines, range },
    notes: [...number.notes, ...limit.notes],
  };
}

async function linesOf(
  expr: string,
  labels: Labels,
  range: Range,
  abort: AbortSignal,
): Promise<Answer<{ name: string; values: (number | null)[] }[]>> {
  // Target labels are on every series and reach the result where it is grouped by them.
  const own = matchersOf(labels, ['job', 'instance']).map(matcherText).join(',');
  const one = narrowed(expr, own);
  let { data, notes } = await fetchRange(one, range, abort);
  if (data.result.length === 0 && one !== expr) {
    ({ data, notes } = await fetchRange(expr, range, abort));
  }
  const fits = data.result.filter(({ metric }) =>
    Object.entries(metric).every(
      ([name, value]) =>
        name === '__name__' || labels[name] === undefined || labels[name] === value,
    ),
  );
  return {
    notes,
    data: fits.slice(0, LINES_MAX).map(({ metric, values }) => ({
      name: nameOf(metric, labels, fits.length),
      values: onGrid(values ?? [], range),
    })),
  };
}

/** What tells a line from the others: the labels that the alert does not have. */
function nameOf(metric: Labels, alert: Labels, count: number): string {
  const own = Object.entries(metric).filter(([name]) => alert[name] === undefined);
  const labels = Object.fromEntries(own);
  if (count > 1 && own.length > 0) return legendText('', labels);
  return metric.__name__ ?? 'value';
}
