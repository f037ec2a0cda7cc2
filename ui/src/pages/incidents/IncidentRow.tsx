import type { Incident } from '../../api/incidents';
import { timeMs } from '../../api/times';
import { shapeOf } from '../../diagnosis/category';
import { because, impactText, incidentHref, lastedText } from '../../diagnosis/incident';
import { stamp, untilText } from '../../format/time';
import { STATE_WORDS, StateBadge } from '../../parts/StateBadge';
import { now } from '../../state/clock';

/** One incident in 36 px: what, since when, what it hits, who is suspected, who looks after it. */
export function IncidentRow({ incident }: { incident: Incident }) {
  const { id, title, severity, state, acknowledged_by, impact, suspects } = incident;
  const shape = shapeOf(severity);
  const over = state === 'resolved';
  const first = suspects[0];
  return (
    <tr class={`row ${over ? 'resolved' : shape}`}>
      <td class="col-state">
        <StateBadge state={shape} hollow={over} quiet word={`${STATE_WORDS[shape]}, ${state}`} />
      </td>
      <th scope="row" class="col-name">
        <a data-row class="row-link" href={incidentHref(id)}>
          <span class="name cut" title={title}>
            {title}
          </span>
        </a>
      </th>
      <td class="col-when small">
        <When incident={incident} />
      </td>
      <td class="col-impact small">
        <span class="cut">{impactText(impact)}</span>
      </td>
      <td class="col-suspect small">
        {first !== undefined && (
          <span class="cut" title={because(first)}>
            <strong>{first.entity.name}</strong> <span class="dim">{because(first)}</span>
          </span>
        )}
      </td>
      <td class="col-by small dim">
        <span class="cut">{acknowledged_by ?? (over ? '' : 'nobody yet')}</span>
      </td>
    </tr>
  );
}

/** `for 12 min` while it is open, `2 h, until 14:05` once it is over. */
function When({ incident }: { incident: Incident }) {
  const from = timeMs(incident.start);
  const to = timeMs(incident.end);
  const title = from === null ? '' : `since ${stamp(from)}`;
  if (incident.state === 'open' || to === null) {
    return (
      <span class="num" title={title}>
        for {lastedText(incident, now.value)}
      </span>
    );
  }
  return (
    <span class="num dim" title={`${title} until ${stamp(to)}`}>
      {lastedText(incident, to)}, until {untilText(to, now.value)}
    </span>
  );
}
