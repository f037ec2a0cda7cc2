import { useSignal } from '@preact/signals';
import { useContext, useEffect, useRef } from 'preact/hooks';
import type { Panel } from '../api/service';
import { aligned, stepFor } from '../format/steps';
import { Icon, type IconName } from '../parts/Icon';
import { lazily } from '../parts/lazily';
import { Loadable } from '../parts/Loadable';
import { bounds } from '../state/clock';
import { range, setParams, zoomOut } from '../state/url';
import { useQuery } from '../state/useQuery';
import { PanelChart } from './PanelChart';
import { PageContext } from './pageContext';
import { fetchPanel, type PanelData } from './panelData';
import '../style/service.css';

// Asked for by few, and it brings the colours of PromQL.
const PanelQueries = lazily<{ panel: Panel; explained: boolean }>(
  async () => (await import('./PanelQueries')).PanelQueries,
  null,
);

const PanelTable = lazily<{ panel: Panel; data: PanelData }>(
  async () => (await import('./PanelTable')).PanelTable,
  null,
);

// Before the first layout: as wide as a third of a page is.
const CHART_PX = 400;
// What the value axis and the padding take of a panel.
const AXIS_PX = 80;

/** One panel: its head with the ways to its query, table and full size, and its picture. */
export function PanelBox({ id, panel, large }: { id: string; panel: Panel; large: boolean }) {
  const box = useRef<HTMLElement>(null);
  const seen = useSeen(box);
  const { begins, explained = false } = useContext(PageContext);
  const asTable = useSignal(false);
  const asQuery = useSignal(false);
  const { startMs, endMs } = bounds();
  const pixels = (box.current?.clientWidth ?? CHART_PX) - AXIS_PX;
  const question = aligned(startMs, endMs, stepFor((endMs - startMs) / 1000, pixels, 5));
  const scope = panel.queries.map(({ expr }) => expr).join('\n');
  // A refresh within one step would get the same points again: it is not asked for.
  const answered = useRef('');
  const asked = JSON.stringify([scope, question]);
  const { remote, again } = useQuery(
    scope,
    JSON.stringify(range.value),
    async (abort) => {
      const answer = await fetchPanel(panel, question, abort);
      answered.current = asked;
      if (panel.type === 'timeseries') begins.note(id, answer.data);
      return answer;
    },
    { enabled: seen.value && answered.current !== asked },
  );
  const titleId = `panel ${id}`.replaceAll(/\W+/g, '-');
  return (
    <section
      ref={box}
      data-panel
      class={`panel${panel.width > 12 ? ' broad' : ''}${large ? ' large' : ''}`}
      style={{ '--span': large ? 24 : Math.min(24, Math.max(4, panel.width)) }}
      // `v` shows the table of the panel in focus.
      tabIndex={0}
      aria-labelledby={titleId}
    >
      <header class="panel-head">
        <h3 id={titleId} title={panel.help ?? undefined}>
          {panel.title}
        </h3>
        <div class="panel-tools">
          <Tool icon="code" label="Open query" pressed={asQuery} />
          {panel.type === 'timeseries' && (
            <Tool icon="table" label="As a table (v)" pressed={asTable} twin />
          )}
          <button
            type="button"
            class="icon-button"
            title={large ? 'Back to all panels' : 'This panel alone'}
            aria-label={large ? 'Back to all panels' : 'This panel alone'}
            onClick={() => setParams({ panel: large ? null : id }, 'push')}
          >
            <Icon name={large ? 'shrink' : 'expand'} />
          </button>
        </div>
      </header>
      {explained && panel.help && <p class="panel-help small dim">{panel.help}</p>}
      {asQuery.value && <PanelQueries panel={panel} explained={explained} />}
      <Loadable
        remote={remote}
        again={again}
        what={panel.title}
        skeleton={<div class="chart-skeleton" style={{ height: large ? '420px' : '164px' }} />}
      >
        {(data) => <Picture panel={panel} data={data} asTable={asTable.value} large={large} />}
      </Loadable>
    </section>
  );
}

function Picture({
  panel,
  data,
  asTable,
  large,
}: {
  panel: Panel;
  data: PanelData;
  asTable: boolean;
  large: boolean;
}) {
  const { note } = useContext(PageContext);
  if (data.series.every(({ values }) => values.every((value) => value === null))) {
    return (
      <div class="panel-empty">
        <p>{note ?? 'No samples in this range'}</p>
        <p class="small faint">
          {data.series.length === 0
            ? 'Nothing of this kind was measured between the two times.'
            : 'The series are there, without a number: nothing was counted yet.'}
        </p>
        {range.value.kind === 'absolute' && (
          <p>
            <button type="button" class="text-button" onClick={zoomOut}>
              Zoom out
            </button>
          </p>
        )}
      </div>
    );
  }
  if (asTable || panel.type !== 'timeseries') return <PanelTable panel={panel} data={data} />;
  return <PanelChart panel={panel} data={data} large={large} />;
}

function Tool({
  icon,
  label,
  pressed,
  twin = false,
}: {
  icon: IconName;
  label: string;
  pressed: { value: boolean };
  twin?: boolean;
}) {
  return (
    <button
      type="button"
      class="icon-button"
      title={label}
      aria-label={label}
      aria-pressed={pressed.value}
      {...(twin && { 'data-table-twin': '' })}
      onClick={() => {
        pressed.value = !pressed.value;
      }}
    >
      <Icon name={icon} />
    </button>
  );
}

/** Whether the element is on the screen, or nearly: out of sight, a panel asks nothing. */
function useSeen(box: { current: HTMLElement | null }) {
  const seen = useSignal(false);
  // The element is one for good.
  useEffect(() => {
    if (box.current === null) return undefined;
    const observer = new IntersectionObserver(
      (entries) => {
        seen.value = entries.some((entry) => entry.isIntersecting);
      },
      { rootMargin: '200px' },
    );
    observer.observe(box.current);
    return () => observer.disconnect();
  }, []);
  return seen;
}
