import { unlessAbsent } from '../../api/client';
import { fetchIncidents, type Incident } from '../../api/incidents';
import { fetchObjectives } from '../../api/objectives';
import { timeMs } from '../../api/times';
import { shapeOf } from '../../diagnosis/category';
import { isTrouble, rankOf } from '../../diagnosis/entity';
import { because, impactText, incidentHref, inOrder, lastedText } from '../../diagnosis/incident';
import { ago } from '../../format/duration';
import { plural } from '../../format/number';
import { stamp } from '../../format/time';
import { StateBadge, StateShape } from '../../parts/StateBadge';
import { now, serverNow } from '../../state/clock';
import { hrefTo } from '../../state/url';
import { useQuery } from '../../state/useQuery';

const SHOWN = 5;
const BURNING_SHOWN = 3;
const PAST_S = 7 * 86_400;

/** What is wrong now, since when, what it hits; or that nothing is, and when something last was. */
export function Now() {
  return (
    <>
      <Incidents />
      <Burning />
    </>
  );
}

/** Objectives whose budget burns too fast, if any does. */
function Burning() {
  const { remote } = useQuery('burning', '', (abort) => unlessAbsent(fetchObjectives(abort)));
  const burning = (remote.value.value?.objectives ?? []).filter(({ standing }) =>
    isTrouble(standing),
  );
  if (burning.length === 0) return null;
  const worst = [...burning].sort((a, b) => rankOf(a.standing.state) - rankOf(b.standing.state));
  return (
    <ul class="now-calm burning" aria-label="Objectives in danger">
      {worst.slice(0, BURNING_SHOWN).map(({ id, title, standing }) => (
        <li key={id}>
          <StateBadge state={standing.state} quiet />
          <a class="link" href={hrefTo(`/objectives/${encodeURIComponent(id)}`)}>
            {title}
          </a>
          <span class="dim">{standing.sentence}</span>
        </li>
      ))}
      {worst.length > BURNING_SHOWN && (
        <li>
          <a class="link" href={hrefTo('/objectives')}>
            and {worst.length - BURNING_SHOWN} more
          </a>
        </li>
      )}
    </ul>
  );
}

function Incidents() {
  const { remote } = useQuery('open-incidents', '', (abort) =>
    unlessAbsent(fetchIncidents({ state: 'open' }, abort)),
  );
  const { value, error } = remote.value;
  if (value === undefined && error !== undefined && error.kind !== 'unreachable') {
    return <p class="now-calm dim">Whether an incident is open is not known: {error.message}</p>;
  }
  // A server without incidents says nothing of them, and neither does this page.
  if (value === undefined || value === null) return null;
  return value.incidents.length === 0 ? <Calm /> : <Open incidents={value.incidents} />;
}

function Open({ incidents }: { incidents: Incident[] }) {
  const shown = [...incidents].sort(inOrder).slice(0, SHOWN);
  return (
    <section class="now" aria-label="What is wrong now">
      <h2>
        {plural(incidents.length, 'incident')} open
        {incidents.length > SHOWN && (
          <a class="link small" href={hrefTo('/incidents', { state: 'open' })}>
            All
          </a>
        )}
      </h2>
      <ul>
        {shown.map((incident) => (
          <Line key={incident.id} incident={incident} />
        ))}
      </ul>
    </section>
  );
}

function Line({ incident }: { incident: Incident }) {
  const { id, title, severity, impact, suspects, acknowledged_by, start } = incident;
  const shape = shapeOf(severity);
  const first = suspects[0];
  return (
    <li class={`now-line row ${shape}`}>
      <StateBadge state={shape} quiet />
      <a data-row class="row-link" href={incidentHref(id)}>
        <span class="name">{title}</span>
      </a>
      <span class="num" title={stamp(timeMs(start) ?? 0)}>
        for {lastedText(incident, now.value)}
      </span>
      <span class="now-more small">
        {first !== undefined && (
          <span>
            First suspect <strong>{first.entity.name}</strong>: {because(first)}.
          </span>
        )}{' '}
        <span class="dim">
          {impactText(impact) !== '' && `Hits ${impactText(impact)}. `}
          {acknowledged_by == null
            ? 'Nobody looks after it yet.'
            : `${acknowledged_by} looks after it.`}
        </span>
      </span>
    </li>
  );
}

function Calm() {
  const { remote } = useQuery(
    'last-incident',
    '',
    (abort) => {
      const end = Math.round(serverNow() / 1000);
      return unlessAbsent(fetchIncidents({ state: 'resolved', start: end - PAST_S, end }, abort));
    },
    { live: false },
  );
  const last = [...(remote.value.value?.incidents ?? [])].sort(inOrder)[0];
  const endMs = timeMs(last?.end);
  return (
    <p class="now-calm">
      <StateShape state="good" />
      <span>No incident is open.</span>
      {last !== undefined && endMs !== null && (
        <span class="dim cut">
          The last one ended {ago(endMs, serverNow())}:{' '}
          <a class="link" href={incidentHref(last.id)}>
            {last.title}
          </a>
        </span>
      )}
    </p>
  );
}
