import { unlessAbsent } from '../../api/client';
import { fetchIncidents, type Incident } from '../../api/incidents';
import type { Entity } from '../../api/graph';
import { timeMs } from '../../api/times';
import { shapeOf } from '../../diagnosis/category';
import { entityId } from '../../diagnosis/entity';
import { inOrder, incidentHref, lastedText } from '../../diagnosis/incident';
import { untilText } from '../../format/time';
import { StateBadge } from '../../parts/StateBadge';
import { now, serverNow } from '../../state/clock';
import { useQuery } from '../../state/useQuery';

const DAYS = 30;
const SHOWN = 8;

/** The incidents that it was a part of, open ones first. */
export function EntityIncidents({ entity }: { entity: Entity }) {
  const { remote } = useQuery(`incidents ${entity.id}`, '', (abort) => {
    const end = Math.round(serverNow() / 1000);
    return unlessAbsent(fetchIncidents({ state: 'all', start: end - DAYS * 86_400, end }, abort));
  });
  const { value, error } = remote.value;
  const own = (value?.incidents ?? [])
    .filter(({ members }) => members.some((member) => entityId(member) === entity.id))
    .sort(inOrder);
  return (
    <section class="entity-part" aria-label="Incidents">
      <h2>
        Incidents <span class="faint small">in the last {DAYS} days</span>
      </h2>
      {error !== undefined && value === undefined && (
        <p class="partial-note">They are missing: {error.message}</p>
      )}
      {value !== undefined && own.length === 0 && <p class="none">It was a part of none.</p>}
      {own.length > 0 && (
        <ul class="entity-incidents">
          {own.slice(0, SHOWN).map((incident) => (
            <Line key={incident.id} incident={incident} />
          ))}
          {own.length > SHOWN && <li class="faint small">and {own.length - SHOWN} before</li>}
        </ul>
      )}
    </section>
  );
}

function Line({ incident }: { incident: Incident }) {
  const from = timeMs(incident.start) ?? 0;
  const over = incident.state === 'resolved';
  return (
    <li>
      <StateBadge state={shapeOf(incident.severity)} hollow={over} quiet word={incident.severity} />
      <a data-row class="link" href={incidentHref(incident.id)}>
        {incident.title}
      </a>
      <span class="dim small num">
        {untilText(from, now.value)}, {over ? 'lasted' : 'for'} {lastedText(incident, now.value)}
      </span>
    </li>
  );
}
