import type { IncidentDetail } from '../../api/incidents';
import { timeMs } from '../../api/times';
import { shapeOf } from '../../diagnosis/category';
import { lastedText } from '../../diagnosis/incident';
import { whole } from '../../format/number';
import { stamp, untilText } from '../../format/time';
import { speak } from '../../format/units';
import { STATE_WORDS, StateBadge } from '../../parts/StateBadge';
import { now } from '../../state/clock';
import { hrefTo } from '../../state/url';
import type { Act } from './ActDialog';

/** What is wrong, how bad, since when, what it hits, and what can be done about it. */
export function IncidentHead({
  incident,
  onAct,
}: {
  incident: IncidentDetail;
  onAct: (act: Act) => void;
}) {
  const { title, severity, state, acknowledged_by, start, end } = incident;
  const shape = shapeOf(severity);
  const over = state === 'resolved';
  const from = timeMs(start);
  const to = timeMs(end);
  const nowMs = now.value;
  return (
    <header class="incident-head">
      <div class="incident-title">
        <p class="crumbs small">
          <a class="link" href={hrefTo('/incidents')}>
            Incidents
          </a>
        </p>
        <h1>
          <StateBadge state={shape} hollow={over} quiet word={STATE_WORDS[shape]} />
          {title}
        </h1>
        <p class={`incident-state ${over ? 'good' : shape}`}>
          <strong>
            {over ? 'Resolved' : 'Open'}
            {over ? ` after ${lastedText(incident, nowMs)}` : ` for ${lastedText(incident, nowMs)}`}
          </strong>
          {from !== null && (
            <span class="dim" title={stamp(from)}>
              since {untilText(from, nowMs)}
            </span>
          )}
          {over && to !== null && (
            <span class="dim" title={stamp(to)}>
              until {untilText(to, nowMs)}
            </span>
          )}
          <span class="dim">
            {acknowledged_by == null
              ? !over && 'nobody looks after it yet'
              : `${acknowledged_by} ${over ? 'looked' : 'looks'} after it`}
          </span>
        </p>
      </div>
      <Impact incident={incident} />
      <Actions incident={incident} onAct={onAct} />
    </header>
  );
}

function Impact({ incident: { impact } }: { incident: IncidentDetail }) {
  const { services, routes, requests, ratio } = impact;
  const share = ratio === null ? null : speak(ratio, 'percentunit');
  return (
    <dl class="figures" aria-label="What it hits">
      <Figure name="Services" value={whole(services)} />
      {routes > 0 && <Figure name="Routes" value={whole(routes)} />}
      {requests !== null && requests > 0 && <Figure name="Requests" value={whole(requests)} />}
      {share !== null && <Figure name="Of all requests" value={share.number} unit={share.unit} />}
    </dl>
  );
}

function Figure({ name, value, unit }: { name: string; value: string; unit?: string }) {
  return (
    <div class="figure">
      <dt>{name}</dt>
      <dd>
        {value}
        {unit !== undefined && <span class="figure-unit">{unit}</span>}
      </dd>
    </div>
  );
}

function Actions({ incident, onAct }: { incident: IncidentDetail; onAct: (act: Act) => void }) {
  const over = incident.state === 'resolved';
  const action = (act: Act, word: string, primary = false) => (
    <button
      key={act}
      type="button"
      class={primary ? 'button primary' : 'button'}
      onClick={() => onAct(act)}
    >
      {word}
    </button>
  );
  return (
    <div class="incident-acts" role="group" aria-label="Actions">
      {!over && action('acknowledge', 'Look after it', (incident.acknowledged_by ?? null) === null)}
      {action('comment', 'Comment')}
      {!over && action('resolve', 'Resolve')}
      {!over && incident.members.length > 1 && action('split', 'Split')}
      {!over && action('merge', 'Merge')}
      {action('postmortem', 'Post-mortem')}
    </div>
  );
}
