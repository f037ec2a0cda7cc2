import type { Rule, RuleGroup } from '../../api/rules';
import { lasting, speakSeconds } from '../../format/duration';
import { entriesOf } from '../../format/labels';
import { parseTime } from '../../format/time';
import { Ago } from '../../parts/Ago';
import { CodeLine } from '../../parts/CodeLine';
import { LabelChips } from '../../parts/LabelChips';
import { PromQL } from '../../parts/PromQL';
import { Inline } from '../../parts/Prose';
import { STATE_WORDS, StateBadge, severityState } from '../../parts/StateBadge';
import { hrefTo } from '../../state/url';
import { healthText, isAlerting, sentenceOf, serviceOf, valueOf } from './alertList';
import { Runbook } from './Runbook';

/** All about a rule: how it stands, what it says, its alerts now, what to do. */
export function RuleFacts({ rule, group }: { rule: Rule; group: RuleGroup }) {
  const health = healthText(rule);
  const annotations = isAlerting(rule) ? (rule.annotations ?? {}) : {};
  const runbook = isAlerting(rule) ? (rule.runbook ?? annotations.runbook_url) : undefined;
  const texts = entriesOf(annotations)
    // `kpi` is for machines: it says which number of the service the alert is about.
    .filter(([name]) => name !== 'runbook_url' && name !== 'kpi')
    .filter(([name]) => !(name === 'runbook' && runbook !== undefined))
    .sort(([a], [b]) => Number(b === 'summary') - Number(a === 'summary'));
  return (
    <div class="detail rule-detail">
      <dl class="facts">
        {health !== null && (
          <>
            <dt>Standing</dt>
            <dd class={rule.health === 'err' ? 'critical-text' : ''}>{health}</dd>
          </>
        )}
        <dt>Expression</dt>
        <dd>
          <CodeLine text={rule.query}>
            <PromQL expr={rule.query} />
          </CodeLine>
        </dd>
        {isAlerting(rule) && rule.alerts.length > 0 && <ActiveAlerts rule={rule} />}
        {texts.map(([name, text]) => (
          <FactText key={name} name={name} text={text} />
        ))}
        <dt>Labels</dt>
        <dd>
          <LabelChips labels={rule.labels ?? {}} />
        </dd>
        <dt>Rule</dt>
        <dd class="dim">
          <RuleLine rule={rule} group={group} />
        </dd>
        {isAlerting(rule) && (
          <>
            <dt>Before</dt>
            <dd>
              <a class="link" href={hrefTo('/alerts/history', { filter: rule.name })}>
                When it fired
              </a>
            </dd>
          </>
        )}
      </dl>
      {runbook !== undefined && <Runbook text={runbook} name={rule.name} />}
    </div>
  );
}

function ActiveAlerts({ rule }: { rule: Extract<Rule, { type: 'alerting' }> }) {
  const severity = severityState(rule.labels?.severity);
  return (
    <>
      <dt>Alerts now</dt>
      <dd>
        <ul class="active-alerts">
          {rule.alerts.slice(0, 20).map((alert) => (
            <li key={JSON.stringify(alert.labels)}>
              <StateBadge
                state={severity}
                hollow={alert.state === 'pending'}
                quiet
                word={`${STATE_WORDS[severity]}, ${alert.state}`}
              />
              <span>{sentenceOf(alert) || serviceOf(alert.labels) || rule.name}</span>
              <span class="num dim">{valueOf(alert)}</span>
              <span class="dim">
                {alert.state} since <Ago ms={parseTime(alert.activeAt)} />
              </span>
            </li>
          ))}
        </ul>
        <a
          class="link"
          href={hrefTo('/alerts', { labels: `alertname=${JSON.stringify(rule.name)}` })}
        >
          {rule.alerts.length > 20 ? `All ${rule.alerts.length}` : 'Among the alerts'}
        </a>
      </dd>
    </>
  );
}

function FactText({ name, text }: { name: string; text: string }) {
  return (
    <>
      <dt>{name.charAt(0).toUpperCase() + name.slice(1).replaceAll('_', ' ')}</dt>
      <dd class="wrap">
        <Inline text={text} />
      </dd>
    </>
  );
}

/** `group flask, from pack flask, must hold for 2 min, evaluated 3 s ago in 0.4 ms` */
function RuleLine({ rule, group }: { rule: Rule; group: RuleGroup }) {
  const evaluated = parseTime(rule.lastEvaluation);
  const took = speakSeconds(rule.evaluationTime ?? 0);
  return (
    <>
      group {group.name}
      {isAlerting(rule) && rule.pack !== undefined && (
        <>
          , from the pack{' '}
          <a class="link" href={hrefTo(`/library/${encodeURIComponent(rule.pack)}`)}>
            {rule.pack}
          </a>
        </>
      )}
      {isAlerting(rule) &&
        (rule.duration > 0
          ? `, must hold for ${lasting(rule.duration * 1000)}`
          : ', fires at once')}
      {isAlerting(rule) &&
        (rule.keepFiringFor ?? 0) > 0 &&
        `, kept firing for ${lasting((rule.keepFiringFor ?? 0) * 1000)}`}
      {evaluated !== null && (
        <>
          , evaluated <Ago ms={evaluated} /> in {took.number}
          {'\u00a0'}
          {took.unit}
        </>
      )}
    </>
  );
}
