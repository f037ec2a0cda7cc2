import type { ImportedPanel } from '../../api/dashboards';
import type { Panel } from '../../api/service';
import type { Unit } from '../../api/services';

// Grafana's words for units that are the same here, and what they are here.
const UNITS: Record<string, Unit> = {
  reqps: 'reqps',
  ops: 'ops',
  percentunit: 'percentunit',
  s: 's',
  bytes: 'bytes',
  decbytes: 'bytes',
  binBps: 'binBps',
  Bps: 'binBps',
};
const PLAIN = ['', 'none', 'short'];

const TYPES: Record<ImportedPanel['type'], Panel['type']> = {
  timeseries: 'timeseries',
  heatmap: 'timeseries',
  states: 'timeseries',
  stat: 'stat',
  gauge: 'stat',
  bar: 'table',
  table: 'table',
  text: 'table',
};

/** A panel of another tool as one of ours. A unit that is not known here stands in the title. */
export function asPanel(panel: ImportedPanel): Panel {
  const unit = UNITS[panel.unit];
  const unknown = unit === undefined && !PLAIN.includes(panel.unit);
  const type = TYPES[panel.type];
  return {
    id: `${panel.id}-${panel.copy}`,
    title: unknown ? `${panel.title} (${panel.unit})` : panel.title,
    help: [panel.help, ...panel.remarks].filter((text) => text !== '').join(' · '),
    type,
    unit: unit ?? 'short',
    width: panel.place.width,
    stack: panel.stack,
    from_zero: panel.min === 0,
    thresholds: panel.thresholds.map(({ value }) => ({ value, severity: 'info', name: '' })),
    // Numbers and tables are about now, whatever the other tool reduced.
    queries: panel.queries.map((query) => ({ ...query, instant: type !== 'timeseries' })),
  };
}

/** `var-job=a&var-job=b` of an address, by name. */
export function picked(params: URLSearchParams): [string, string][] {
  return [...params]
    .filter(([name]) => name.startsWith('var-'))
    .map(([name, value]) => [name.slice('var-'.length), value]);
}
