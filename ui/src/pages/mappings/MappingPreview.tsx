import { previewMapping, type Mapping } from '../../api/mappings';
import type { Panel } from '../../api/service';
import { plural } from '../../format/number';
import { speakText } from '../../format/units';
import { PanelBox } from '../../panels/PanelBox';
import { CodeLine } from '../../parts/CodeLine';
import { PromQL } from '../../parts/PromQL';
import { useQuery } from '../../state/useQuery';

// Enough to see whether the right label was chosen.
const SHOWN_MAX = 12;

/** What each entity would get: its number now, the chart over the chosen time, and the PromQL. */
export function MappingPreview({ mapping }: { mapping: Mapping }) {
  const key = JSON.stringify(mapping);
  const { remote } = useQuery('preview', key, () => previewMapping(mapping));
  const { value, error } = remote.value;
  if (error !== undefined) {
    return (
      <p class="wrong" role="status">
        {error.message}
      </p>
    );
  }
  if (value === undefined) return <p class="dim">Looking…</p>;
  const units = new Map(value.queries.map(({ kpi, unit }) => [kpi, unit]));
  return (
    <div class="mapping-preview">
      {value.kpis.length === 0 ? (
        <p class="none">No series of the last five minutes fits. Is the metric’s name whole?</p>
      ) : (
        <div class="scroll-x">
          <table class="list mapping-values">
            <thead>
              <tr>
                <th scope="col">Whose</th>
                <th scope="col">KPI</th>
                <th scope="col" class="num">
                  Now
                </th>
              </tr>
            </thead>
            <tbody>
              {value.kpis.slice(0, SHOWN_MAX).map(({ type, entity, scope, kpi, value: now }) => (
                <tr key={`${entity} ${JSON.stringify(scope)} ${kpi}`} class="row">
                  <th scope="row">
                    <span class="faint">{type}</span> {entity}{' '}
                    <span class="faint small">{Object.values(scope).join(' ')}</span>
                  </th>
                  <td>{kpi}</td>
                  <td class="num">{speakText(now, units.get(kpi) ?? 'short')}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {value.n_kpis > SHOWN_MAX && (
        <p class="none">
          The first {SHOWN_MAX} of {plural(value.n_kpis, 'number')}.
        </p>
      )}
      {value.queries.map(({ kpi, unit, query }) => (
        <div key={kpi} class="mapping-query">
          <PanelBox id={`preview-${kpi}`} panel={panelOf(kpi, unit, query)} large={false} />
          <CodeLine text={query}>
            <PromQL expr={query} />
          </CodeLine>
        </div>
      ))}
    </div>
  );
}

function panelOf(kpi: string, unit: Panel['unit'], query: string): Panel {
  return {
    id: kpi,
    title: kpi,
    type: 'timeseries',
    unit,
    width: 24,
    from_zero: true,
    queries: [{ expr: query, legend: '{{entity}}', instant: false }],
  };
}
