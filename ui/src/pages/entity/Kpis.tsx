import { useMemo } from 'preact/hooks';
import type { Assertion } from '../../api/assertions';
import type { EntityKpi } from '../../api/entity';
import type { Panel, Threshold } from '../../api/service';
import { timeMs } from '../../api/times';
import { kpiTitle } from '../../diagnosis/kpi';
import { speakText } from '../../format/units';
import { Begins } from '../../panels/dataBegin';
import { PageContext } from '../../panels/pageContext';
import { PanelBox } from '../../panels/PanelBox';
import { ColourBook } from '../../state/colours';

/** A KPI as a panel; what is asserted of it now says what it is compared with. */
export function panelOf({ name, unit, query }: EntityKpi, assertions: Assertion[]): Panel {
  const title = kpiTitle(name);
  const thresholds: Threshold[] = [];
  const lasting = assertions.filter((one) => one.kpi === name && timeMs(one.end) === null);
  for (const { usual, limit, severity } of lasting) {
    if (usual != null)
      thresholds.push({
        value: usual,
        severity: 'info',
        name: `usually ${speakText(usual, unit)}`,
      });
    if (limit != null)
      thresholds.push({ value: limit, severity, name: `limit ${speakText(limit, unit)}` });
  }
  return {
    id: name,
    title,
    type: 'timeseries',
    unit,
    width: 8,
    thresholds,
    queries: [{ expr: query, legend: title, instant: false }],
  };
}

export type KpisProps = {
  kpis: EntityKpi[];
  assertions: Assertion[];
  /** The one that is shown large, from the URL. */
  only: string;
};

/** The few numbers by which it is judged, over the chosen time. */
export function Kpis({ kpis, assertions, only }: KpisProps) {
  const colours = useMemo(() => new ColourBook(), []);
  const begins = useMemo(() => new Begins(), []);
  const panels = kpis.map((kpi) => panelOf(kpi, assertions));
  if (panels.length === 0) {
    return (
      <section class="entity-part" aria-label="Numbers">
        <p class="none">
          No number is known of it: it is seen only where others name it. Scrape it, and it has
          some.
        </p>
      </section>
    );
  }
  const large = panels.filter(({ id }) => id === only);
  const shown = large.length > 0 ? large : panels;
  return (
    <section class="entity-part" aria-label="Numbers">
      <PageContext.Provider value={{ colours, begins, spans: [], changedMs: null, note: null }}>
        <div class="panel-grid">
          {shown.map((panel) => (
            <PanelBox key={panel.id} id={panel.id} panel={panel} large={large.length > 0} />
          ))}
        </div>
      </PageContext.Provider>
    </section>
  );
}
