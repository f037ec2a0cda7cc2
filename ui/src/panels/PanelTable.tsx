import { useSignal } from '@preact/signals';
import type { Panel } from '../api/service';
import { speakText } from '../format/units';
import { largest, newest } from '../parts/chartData';
import type { PanelData, PanelSeries } from './panelData';

// What fits on a screen; the rest is one press away.
const ROWS = 12;

/** A panel as a table: the twin of a chart, and what panels of type table and stat are. */
export function PanelTable({ panel, data }: { panel: Panel; data: PanelData }) {
  const all = useSignal(false);
  if (panel.type === 'stat') return <Stat panel={panel} data={data} />;
  const overTime = panel.type === 'timeseries';
  const rows = [...data.series].sort(
    (a, b) => (newest(b.values) ?? -Infinity) - (newest(a.values) ?? -Infinity),
  );
  const shown = all.value ? rows : rows.slice(0, ROWS);
  const top = Math.max(0, ...rows.map((row) => newest(row.values) ?? 0));
  return (
    <div class="panel-table">
      <table>
        <thead>
          <tr class="small faint">
            <th scope="col">{nameOf(panel)}</th>
            {!overTime && <td />}
            <th scope="col" class="num">
              {overTime ? 'last' : 'now'}
            </th>
            {overTime && (
              <>
                <th scope="col" class="num roomy">
                  least
                </th>
                <th scope="col" class="num roomy">
                  mean
                </th>
                <th scope="col" class="num">
                  max
                </th>
              </>
            )}
          </tr>
        </thead>
        <tbody>
          {shown.map((row) => (
            <Row key={row.name} row={row} unit={panel.unit} overTime={overTime} top={top} />
          ))}
        </tbody>
      </table>
      {rows.length > ROWS && (
        <button
          type="button"
          class="text-button small"
          onClick={() => {
            all.value = !all.value;
          }}
        >
          {all.value ? `Only the first ${ROWS}` : `All ${rows.length}`}
        </button>
      )}
    </div>
  );
}

function Row({
  row,
  unit,
  overTime,
  top,
}: {
  row: PanelSeries;
  unit: string;
  overTime: boolean;
  top: number;
}) {
  const now = newest(row.values);
  const numbers = row.values.filter((value) => value !== null);
  const mean = numbers.reduce((sum, value) => sum + value, 0) / numbers.length;
  const share = top > 0 ? Math.max(0, (now ?? 0) / top) : 0;
  return (
    <tr>
      <th scope="row" class="cut" title={row.name}>
        {row.name}
      </th>
      {!overTime && (
        <td class="meter-cell" aria-hidden="true">
          <span class="meter">
            <span style={{ width: `${share * 100}%` }} />
          </span>
        </td>
      )}
      <td class="num">{speakText(now, unit)}</td>
      {overTime && (
        <>
          <td class="num dim roomy">
            {speakText(numbers.length > 0 ? Math.min(...numbers) : null, unit)}
          </td>
          <td class="num dim roomy">{speakText(numbers.length > 0 ? mean : null, unit)}</td>
          <td class="num dim">{speakText(largest(row.values), unit)}</td>
        </>
      )}
    </tr>
  );
}

function Stat({ panel, data }: { panel: Panel; data: PanelData }) {
  return (
    <dl class="figures stat">
      {data.series.map((one) => (
        <div key={one.name} class="figure">
          {data.series.length > 1 && <dt>{one.name}</dt>}
          <dd>{speakText(newest(one.values), panel.unit)}</dd>
        </div>
      ))}
    </dl>
  );
}

/** What the rows are, from the label that names them. */
function nameOf(panel: Panel): string {
  const label = /^\{\{\s*(\w+)\s*\}\}$/.exec(panel.queries[0]?.legend ?? '')?.[1] ?? 'series';
  return label.replaceAll('_', ' ');
}
