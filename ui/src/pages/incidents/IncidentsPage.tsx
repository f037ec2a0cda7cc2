import { useEffect, useMemo } from 'preact/hooks';
import { fetchIncidents, type Incident } from '../../api/incidents';
import type { Severity } from '../../api/services';
import { timeMs } from '../../api/times';
import { SEVERITIES, shapeOf } from '../../diagnosis/category';
import { inOrder } from '../../diagnosis/incident';
import { ago } from '../../format/duration';
import { plural } from '../../format/number';
import { Loadable, SkeletonRows } from '../../parts/Loadable';
import { Paged } from '../../parts/Paged';
import { StateShape } from '../../parts/StateBadge';
import { serverNow } from '../../state/clock';
import { hrefTo, param, range, setParams } from '../../state/url';
import { useQuery } from '../../state/useQuery';
import { IncidentRow } from './IncidentRow';
import './incidents.css';

/** What ended earlier is asked for by a time range of its own. */
const DAYS = 30;

/** What goes wrong, the open first, and what went wrong before. */
export function IncidentsPage() {
  useEffect(() => {
    document.title = 'Incidents · Pyrometer';
  }, []);
  const chosen = range.value;
  const { remote, again } = useQuery('incidents', JSON.stringify(chosen), (abort) => {
    const end = Math.round(serverNow() / 1000);
    const span =
      chosen.kind === 'absolute'
        ? { start: Math.floor(chosen.fromMs / 1000), end: Math.ceil(chosen.toMs / 1000) }
        : { start: end - Math.max(chosen.seconds, DAYS * 86_400), end };
    return fetchIncidents({ state: 'all', ...span }, abort);
  });
  return (
    <section class="incidents">
      <Loadable
        remote={remote}
        again={again}
        what="the incidents"
        skeleton={<SkeletonRows rows={12} height={36} />}
      >
        {({ incidents }) =>
          incidents.length === 0 ? <NoIncidents /> : <IncidentList incidents={incidents} />
        }
      </Loadable>
    </section>
  );
}

const STATES = ['open', 'resolved'] as const;
const UNSEEN = 'unacknowledged';

/** Whether an incident is among what the filters in the URL ask for. */
export function passes(
  incident: Incident,
  { state, severity, text }: { state: string; severity: string; text: string },
): boolean {
  if (severity !== '' && incident.severity !== severity) return false;
  if (state === UNSEEN) {
    if (incident.state !== 'open' || incident.acknowledged_by != null) return false;
  } else if (state !== '' && incident.state !== state) return false;
  const said = [
    incident.title,
    incident.id,
    incident.acknowledged_by ?? '',
    ...incident.members.map(({ name }) => name),
    ...incident.suspects.map(({ entity }) => entity.name),
  ];
  return said.some((one) => one.toLowerCase().includes(text.trim().toLowerCase()));
}

function IncidentList({ incidents }: { incidents: Incident[] }) {
  const state = param('state');
  const severity = param('severity');
  const text = param('filter');
  const shown = useMemo(
    () => incidents.filter((one) => passes(one, { state, severity, text })).sort(inOrder),
    [incidents, state, severity, text],
  );
  const open = incidents.filter((one) => one.state === 'open');
  return (
    <>
      <div class="page-head">
        <h1>Incidents</h1>
        <Filters incidents={incidents} state={state} severity={severity} text={text} />
      </div>
      {open.length === 0 && state === '' && <Calm incidents={incidents} />}
      {shown.length > 0 ? (
        <IncidentTable shown={shown} />
      ) : (
        <p class="none">
          None of the {plural(incidents.length, 'incident')} is like this.{' '}
          <button
            type="button"
            class="text-button"
            onClick={() => setParams({ state: null, severity: null, filter: null })}
          >
            Show all
          </button>
        </p>
      )}
    </>
  );
}

function IncidentTable({ shown }: { shown: Incident[] }) {
  return (
    <table class="list incident-table">
      <thead>
        <tr>
          <th scope="col">
            <span class="hidden">Severity</span>
          </th>
          <th scope="col">What</th>
          <th scope="col" class="col-when">
            When
          </th>
          <th scope="col" class="col-impact">
            Hits
          </th>
          <th scope="col" class="col-suspect">
            First suspect
          </th>
          <th scope="col" class="col-by">
            Looked after by
          </th>
        </tr>
      </thead>
      <Paged items={shown}>
        {(page, more) => (
          <>
            <tbody>
              {page.map((incident) => (
                <IncidentRow key={incident.id} incident={incident} />
              ))}
            </tbody>
            {more !== null && <caption>{more}</caption>}
          </>
        )}
      </Paged>
    </table>
  );
}

function Filters({
  incidents,
  state,
  severity,
  text,
}: {
  incidents: Incident[];
  state: string;
  severity: string;
  text: string;
}) {
  const unseen = incidents.filter((one) => one.state === 'open' && one.acknowledged_by == null);
  const states = [
    ...STATES.map((one) => ({ one, count: incidents.filter((it) => it.state === one).length })),
    { one: UNSEEN, count: unseen.length },
  ];
  return (
    <div class="filters" role="group" aria-label="Show only">
      {states.map(({ one, count }) =>
        count === 0 && state !== one ? null : (
          <Filter key={one} name="state" value={one} chosen={state === one}>
            <span class="num">{count}</span> {one === UNSEEN ? 'looked after by nobody' : one}
          </Filter>
        ),
      )}
      {SEVERITIES.map((one) => {
        const count = incidents.filter((it) => it.severity === one).length;
        return count === 0 && severity !== one ? null : (
          <Filter key={one} name="severity" value={one} chosen={severity === one}>
            <StateShape state={shapeOf(one as Severity)} />
            <span class="num">{count}</span> {one}
          </Filter>
        );
      })}
      <input
        class="field filter-field"
        type="search"
        aria-label="Filter the incidents"
        placeholder="Filter by name, entity, person"
        value={text}
        onInput={(event) => setParams({ filter: event.currentTarget.value })}
      />
    </div>
  );
}

function Filter({
  name,
  value,
  chosen,
  children,
}: {
  name: string;
  value: string;
  chosen: boolean;
  children: preact.ComponentChildren;
}) {
  return (
    <button
      type="button"
      class="filter"
      aria-pressed={chosen}
      onClick={() => setParams({ [name]: chosen ? null : value })}
    >
      {children}
    </button>
  );
}

/** Over the list where nothing is open. */
function Calm({ incidents }: { incidents: Incident[] }) {
  const last = Math.max(0, ...incidents.map(({ end }) => timeMs(end) ?? 0));
  return (
    <p class="calm-line">
      <StateShape state="good" />
      <strong>Nothing is wrong now.</strong>
      {last > 0 && <span class="dim">The last incident ended {ago(last, serverNow())}.</span>}
    </p>
  );
}

function NoIncidents() {
  return (
    <section class="empty">
      <h1>No incidents in this time</h1>
      <p>
        Where several things go wrong together, and hang together, Pyrometer makes one incident of
        them, says what began it and what it hits. Until then there is nothing to do here.
      </p>
      <p class="button-row">
        <a class="button primary" href={hrefTo('/insights')}>
          What is asserted
        </a>
        <a class="button" href={hrefTo('/graph', { show: 'all' })}>
          What is watched
        </a>
      </p>
    </section>
  );
}
