import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { fetchObjective, type ObjectiveDetail } from '../../api/objectives';
import { span } from '../../format/duration';
import { speakText } from '../../format/units';
import { Ago } from '../../parts/Ago';
import { CodeLine } from '../../parts/CodeLine';
import { lazily } from '../../parts/lazily';
import { Loadable, SkeletonRows } from '../../parts/Loadable';
import { StateBadge } from '../../parts/StateBadge';
import { hrefTo, navigate } from '../../state/url';
import { useQuery } from '../../state/useQuery';
import { BudgetBar } from './BudgetBar';
import type { BurnDown } from './BurnDown';
import { BurnAlerts, BurnRates } from './BurnTables';
import type { IndicatorCharts } from './IndicatorCharts';
import { ObjectiveDialog } from './ObjectiveDialog';
import { RemoveDialog } from './RemoveDialog';
import { entityWords, eventsText, indicatorWords, leftWords, share, targetText } from './words';
import './objectives.css';

// Charts weigh more than all the rest: the words come first.
const chart = <div class="chart-skeleton" style={{ height: '180px' }} />;
const LazyBurnDown = lazily<Parameters<typeof BurnDown>[0]>(
  async () => (await import('./BurnDown')).BurnDown,
  chart,
);
const LazyIndicatorCharts = lazily<Parameters<typeof IndicatorCharts>[0]>(
  async () => (await import('./IndicatorCharts')).IndicatorCharts,
  chart,
);

/** One objective: how it stands, what is left, how fast it goes, and what it is made of. */
export function ObjectivePage({ id }: { id: string }) {
  const { remote, again } = useQuery(id, '', (abort) => fetchObjective(id, abort));
  return (
    <Loadable
      remote={remote}
      again={again}
      what="the objective"
      skeleton={<SkeletonRows rows={6} height={64} />}
    >
      {(objective) => <Shown objective={objective} again={again} />}
    </Loadable>
  );
}

function Shown({ objective, again }: { objective: ObjectiveDetail; again: () => void }) {
  const editing = useSignal(false);
  const removing = useSignal(false);
  useEffect(() => {
    document.title = `${objective.title} · Objectives · Pyrometer`;
  }, [objective.title]);
  return (
    <section class="objective">
      <Head
        objective={objective}
        onEdit={() => {
          editing.value = true;
        }}
        onRemove={() => {
          removing.value = true;
        }}
      />
      <Figures objective={objective} />
      {objective.note !== undefined && <p class="small dim">{objective.note}</p>}
      <div class="objective-pair">
        <LazyBurnDown objective={objective} />
        <div>
          <BurnRates objective={objective} />
          <BurnAlerts objective={objective} />
        </div>
      </div>
      <LazyIndicatorCharts objective={objective} />
      <Queries objective={objective} />
      {editing.value && (
        <ObjectiveDialog
          objective={objective}
          onDone={(saved) => {
            editing.value = false;
            if (saved) again();
          }}
        />
      )}
      {removing.value && (
        <RemoveDialog
          objective={objective}
          onDone={(removed) => {
            removing.value = false;
            if (removed) navigate(hrefTo('/objectives'));
          }}
        />
      )}
    </section>
  );
}

function Head({
  objective,
  onEdit,
  onRemove,
}: {
  objective: ObjectiveDetail;
  onEdit: () => void;
  onRemove: () => void;
}) {
  const { standing, service, file } = objective;
  return (
    <>
      <div class="page-head">
        <h1>
          <a class="link dim" href={hrefTo('/objectives')}>
            Objectives
          </a>{' '}
          / {objective.title}
        </h1>
        <span class="button-row push">
          {file === undefined ? (
            <>
              <button type="button" class="button" onClick={onEdit}>
                Change
              </button>
              <button type="button" class="button" onClick={onRemove}>
                Remove
              </button>
            </>
          ) : (
            <span class="small dim">
              From <code>{file}</code>; change it there.
            </span>
          )}
        </span>
      </div>
      <p class="objective-says">
        <StateBadge state={standing.state} /> <strong>{standing.sentence}</strong>{' '}
        {standing.since_ms !== null && (
          <span class="dim">
            Since <Ago ms={standing.since_ms} />.
          </span>
        )}
      </p>
      <p class="dim">
        {service !== null && objective.entity.type === 'service' ? (
          <a class="link" href={hrefTo(`/services/${encodeURIComponent(service)}`)}>
            {service}
          </a>
        ) : (
          entityWords(objective)
        )}
        : {targetText(objective.target)} of the{' '}
        {objective.by === 'minutes' ? 'minutes' : 'requests'} {indicatorWords(objective.indicator)},
        in {objective.window_words}. {objective.description}
      </p>
    </>
  );
}

function Figures({ objective }: { objective: ObjectiveDetail }) {
  const { standing, by } = objective;
  const { budget } = standing;
  return (
    <dl class="objective-figures">
      <div>
        <dt>Now</dt>
        <dd class="num">{share(standing.good_ratio)}</dd>
        <dd class="small dim">
          {eventsText(standing.bad, by)} bad of {eventsText(standing.total, by)}
        </dd>
      </div>
      <div>
        <dt>Budget left</dt>
        <dd>
          <BudgetBar standing={standing} />
        </dd>
        <dd class="small dim">{leftWords(objective)}</dd>
      </div>
      <div>
        <dt>At the burn of the last hour</dt>
        <dd class="num">
          {budget?.exhausted_in_seconds == null
            ? 'it lasts'
            : `spent in ${span(budget.exhausted_in_seconds * 1000)}`}
        </dd>
        <dd class="small dim">
          {speakText(standing.measured_seconds, 's')} of {speakText(standing.elapsed_seconds, 's')}{' '}
          measured
        </dd>
      </div>
    </dl>
  );
}

function Queries({ objective: { queries } }: { objective: ObjectiveDetail }) {
  return (
    <details class="objective-queries">
      <summary>Queries</summary>
      <p class="small dim">
        Two rules record the events of each minute; budget, burn and alerts are read from what they
        recorded.
      </p>
      <h3>Events of a minute</h3>
      <CodeLine text={queries.recorded_events} />
      <h3>Bad ones of them</h3>
      <CodeLine text={queries.recorded_bad_events} />
      {queries.alerts.map(([name, text]) => (
        <div key={name}>
          <h3>{name}</h3>
          <CodeLine text={text} />
        </div>
      ))}
    </details>
  );
}
