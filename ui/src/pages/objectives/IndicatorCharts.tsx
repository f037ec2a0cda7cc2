import { useMemo } from 'preact/hooks';
import type { ObjectiveDetail } from '../../api/objectives';
import type { Panel } from '../../api/service';
import { PageContext } from '../../panels/pageContext';
import { Begins } from '../../panels/dataBegin';
import { PanelBox } from '../../panels/PanelBox';
import { ColourBook } from '../../state/colours';
import { bounds } from '../../state/clock';
import { param } from '../../state/url';

// A point of the chart is the sum of so much; below six hours single minutes can be told apart.
const FINE = '1m';
const COARSE = '1h';
const FINE_UP_TO_MS = 6 * 3_600_000;

/** The indicator over the chosen range, and the minutes in which something was bad. */
export function IndicatorCharts({ objective }: { objective: ObjectiveDetail }) {
  const { startMs, endMs } = bounds();
  const window = endMs - startMs <= FINE_UP_TO_MS ? FINE : COARSE;
  const panels = useMemo(() => panelsOf(objective, window), [objective, window]);
  const context = useMemo(
    () => ({
      colours: new ColourBook(),
      spans: [],
      changedMs: null,
      note: null,
      begins: new Begins(),
    }),
    [objective.id],
  );
  const alone = panels.find(({ id }) => id === param('panel'));
  return (
    <PageContext.Provider value={context}>
      <div class="panel-grid">
        {(alone === undefined ? panels : [alone]).map((panel) => (
          <PanelBox key={panel.id} id={panel.id} panel={panel} large={alone !== undefined} />
        ))}
      </div>
    </PageContext.Provider>
  );
}

function panelsOf({ queries, target, by }: ObjectiveDetail, window: string): Panel[] {
  const over = (series: string) => `sum_over_time(${series}[${window}])`;
  const events = by === 'minutes' ? 'minutes' : 'events';
  const per = window === FINE ? 'minute' : 'hour';
  return [
    {
      id: 'share',
      title: 'Share of bad events',
      help: 'Above the line the budget burns faster than it may.',
      type: 'timeseries',
      unit: 'percentunit',
      width: 12,
      from_zero: true,
      thresholds: [
        { value: Number((1 - target).toPrecision(6)), severity: 'warning', name: 'target' },
      ],
      queries: [
        {
          expr: `${over(queries.bad_events)} / (${over(queries.events)} > 0)`,
          legend: 'bad',
          instant: false,
        },
      ],
    },
    {
      id: 'events',
      title: `Bad ${events} a ${per}, of all`,
      help: 'What was counted. A gap is a time that was not measured; it counts as good.',
      type: 'timeseries',
      unit: 'short',
      width: 12,
      from_zero: true,
      queries: [
        { expr: over(queries.events), legend: 'all', instant: false },
        { expr: over(queries.bad_events), legend: 'bad', instant: false },
      ],
    },
  ];
}
