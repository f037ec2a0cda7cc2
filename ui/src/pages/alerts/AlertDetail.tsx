import { lasting } from '../../format/duration';
import { entriesOf, safeHref } from '../../format/labels';
import { matchersOf, matchersText, readMatchers } from '../../format/matchers';
import { stamp } from '../../format/time';
import { Ago } from '../../parts/Ago';
import { CodeLine } from '../../parts/CodeLine';
import { Icon } from '../../parts/Icon';
import { lazily } from '../../parts/lazily';
import { PromQL } from '../../parts/PromQL';
import { Inline } from '../../parts/Prose';
import { hrefTo, param, setParams } from '../../state/url';
import { labelsOf, type Raised, serviceOf, valueOf } from './alertList';
import { HistoryStrip } from './HistoryStrip';
import { Runbook } from './Runbook';

// The chart is most of what there is to fetch; the sentence is read before it is needed.
const AlertChart = lazily(
  async () => (await import('./AlertChart')).AlertChart,
  <div class="chart-skeleton alert-chart-skeleton" />,
);

/** What happens, since when, what to do, and the numbers. */
export function AlertDetail({
  raised,
  onSilence,
}: {
  raised: Raised;
  onSilence: ((one: Raised) => void) | null;
}) {
  const { alert, rule, group, doing, silencedBy } = raised;
  const runbook = rule.runbook ?? alert.annotations.runbook_url;
  const { summary, description, sentence } = alert.annotations;
  return (
    <div class="alert-detail">
      <div class="alert-facts">
        <p class="alert-says">
          <Inline text={summary ?? sentence ?? description ?? rule.name} />
        </p>
        {description !== undefined && summary !== undefined && (
          <p class="wrap dim">
            <Inline text={description} />
          </p>
        )}
        <p class="dim">
          <Since raised={raised} />
        </p>
        <p class="button-row wraps">
          {onSilence !== null && doing !== 'silenced' && (
            <button type="button" class="button" onClick={() => onSilence(raised)}>
              <Icon name="silence" />
              Silence
            </button>
          )}
          {silencedBy[0] !== undefined && (
            <a class="button" href={hrefTo('/alerts/silences', { open: silencedBy[0] })}>
              Its silence
            </a>
          )}
          <Links raised={raised} runbook={runbook} />
          {onSilence !== null && (
            <a
              class="button"
              href={hrefTo('/alerts/notifications', {
                labels: matchersText(matchersOf(labelsOf(raised))),
              })}
            >
              Who is told
            </a>
          )}
        </p>
        <AlertChart raised={raised} />
        <HistoryStrip labels={labelsOf(raised)} interval={group.interval} />
        <dl class="facts">
          <dt>Labels</dt>
          <dd>
            <FilterChips labels={labelsOf(raised)} />
          </dd>
          <dt>Expression</dt>
          <dd>
            <CodeLine text={rule.query}>
              <PromQL expr={rule.query} />
            </CodeLine>
          </dd>
          {entriesOf(alert.annotations)
            .filter(([name]) => !SAID.has(name) && !(name === 'runbook' && runbook !== undefined))
            .map(([name, text]) => (
              <>
                <dt>{name}</dt>
                <dd class="wrap">
                  <Inline text={text} />
                </dd>
              </>
            ))}
        </dl>
      </div>
      {runbook !== undefined && <Runbook text={runbook} name={rule.name} />}
    </div>
  );
}

// Annotations that stand elsewhere on the page; `kpi` is for machines.
const SAID = new Set(['summary', 'description', 'sentence', 'kpi', 'runbook_url']);

/** `Firing since 14:05:09, 12 min ago, at 24 %; it must hold for 30 s.` */
function Since({ raised: { alert, rule, sinceMs, doing } }: { raised: Raised }) {
  return (
    <>
      {doing === 'pending' ? 'Pending' : 'True'} since{' '}
      <span class="num">{sinceMs === null ? 'an unknown time' : stamp(sinceMs)}</span>,{' '}
      <Ago ms={sinceMs} />. Value <span class="num">{valueOf(alert)}</span>.
      {rule.duration > 0 && ` Fires once true for ${lasting(rule.duration * 1000)}.`}
      {doing === 'silenced' && ' It fires and is silenced: nobody is told.'}
      {doing === 'inhibited' &&
        ' Another alert that fires explains this one: nobody is told of both.'}
    </>
  );
}

function Links({ raised, runbook }: { raised: Raised; runbook: string | undefined }) {
  const { alert, rule } = raised;
  const service = serviceOf(alert.labels);
  const href = safeHref((runbook ?? '').trim());
  return (
    <>
      {service !== null && (
        <a class="button" href={hrefTo(`/services/${encodeURIComponent(service)}`)}>
          Service {service}
        </a>
      )}
      {href !== null && (
        <a class="button" href={href} target="_blank" rel="noopener noreferrer">
          Runbook
        </a>
      )}
      <a class="button" href={hrefTo('/alerts/rules', { filter: rule.name })}>
        Rule
      </a>
      {rule.pack !== undefined && (
        <a
          class="button"
          href={hrefTo(`/library/${encodeURIComponent(rule.pack)}`, { open: rule.name })}
        >
          Pack {rule.pack}
        </a>
      )}
    </>
  );
}

/** Labels; pressed, the list shows only alerts that have them. */
function FilterChips({ labels }: { labels: Record<string, string> }) {
  return (
    <ul class="chips">
      {entriesOf(labels).map(([name, value]) => (
        <li key={name}>
          <button
            type="button"
            class="chip"
            title={`Only alerts with this ${name}`}
            onClick={() => {
              const { matchers } = readMatchers(param('labels'));
              const others = matchers.filter((matcher) => matcher.name !== name);
              setParams({ labels: matchersText([...others, { name, op: '=', value }]) }, 'push');
            }}
          >
            <span class="chip-name">{name}</span>
            <span class="chip-value">{value}</span>
          </button>
        </li>
      ))}
    </ul>
  );
}
