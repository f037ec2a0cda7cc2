import type { Kpi, Service } from '../../api/services';
import { rangeName } from '../../format/duration';
import { speak } from '../../format/units';
import { Ago } from '../../parts/Ago';
import { STATE_WORDS, StateBadge } from '../../parts/StateBadge';
import { hrefTo, range, setRange } from '../../state/url';
import { type Begins, betterRange } from '../../panels/dataBegin';

/** State, name, the sentence and the numbers of now. */
export function ServiceHead({ service, begins }: { service: Service; begins: Begins }) {
  const { name, state, sentence, note, since_ms, kpis, instances, workers } = service;
  return (
    <header class="service-head">
      <div class="service-title">
        <p class="crumbs small">
          <a class="link" href={hrefTo('/')}>
            Services
          </a>
        </p>
        <h1>
          <StateBadge state={state} quiet />
          {name}
        </h1>
        <p class={`service-state ${state}`}>
          <strong>{sentence ?? STATE_WORDS[state]}</strong>
          {since_ms !== null && state !== 'good' && (
            <span class="dim">
              since <Ago ms={since_ms} />
            </span>
          )}
          {note !== null && <span class="dim">{note}</span>}
        </p>
        <p class="small dim tech">
          {[service.framework, service.runtime, service.version && `version ${service.version}`]
            .filter(Boolean)
            .join(' · ')}
          {service.changed_ms !== null && (
            <span>
              {' '}
              · changed <Ago ms={service.changed_ms} />
            </span>
          )}
          <DataBegin begins={begins} />
          {' · '}
          <a class="link" href={hrefTo(`/entities/service/${encodeURIComponent(name)}`)}>
            what it hangs on
          </a>
        </p>
      </div>
      <dl class="figures">
        <Figure name="Requests" kpi={kpis.rate} />
        <Figure name="Errors" kpi={kpis.errors} />
        <Figure name="95 % faster than" kpi={kpis.p95} />
        <div class="figure">
          <dt>Instances up</dt>
          <dd>
            <span class={instances.up < instances.total ? 'critical-text' : ''}>
              {instances.up}
            </span>
            <span class="figure-unit">of {instances.total}</span>
          </dd>
        </div>
        {workers !== null && (
          <div class="figure">
            <dt>Workers</dt>
            <dd>{workers}</dd>
          </div>
        )}
      </dl>
    </header>
  );
}

/** On a young service, the way to a range that is not mostly empty. */
function DataBegin({ begins }: { begins: Begins }) {
  const better = betterRange(begins.seen.value.values(), range.value);
  if (better === null) return null;
  const { beginsMs, seconds } = better;
  return (
    <span>
      {' '}
      · data begins <Ago ms={beginsMs} />,{' '}
      <button
        type="button"
        class="text-button"
        onClick={() => setRange({ kind: 'relative', seconds })}
      >
        show the last {rangeName(seconds)}
      </button>
    </span>
  );
}

function Figure({ name, kpi }: { name: string; kpi: Kpi | undefined }) {
  if (kpi === undefined) return null;
  const { number, unit } = speak(kpi.now, kpi.unit);
  return (
    <div class="figure">
      <dt>{name}</dt>
      <dd>
        {number}
        <span class="figure-unit">{unit}</span>
      </dd>
    </div>
  );
}
