import type { Labels } from '../../api/query';
import type { Rule } from '../../api/rules';
import { lasting, speakSeconds } from '../../format/duration';
import { entriesOf, safeHref } from '../../format/labels';
import { parseTime, stamp } from '../../format/time';
import { Ago } from '../../parts/Ago';
import { CodeLine } from '../../parts/CodeLine';
import { LabelChips } from '../../parts/LabelChips';
import { PromQL } from '../../parts/PromQL';
import { Inline, Prose } from '../../parts/Prose';
import { hrefTo } from '../../state/url';
import { healthText, isAlerting, serviceOf } from './alertList';

/** All about a rule, or about one alert of it. */
export function RuleFacts({
  rule,
  labels,
  annotations,
  sinceMs,
  group,
}: {
  rule: Rule;
  labels: Labels;
  annotations: Labels;
  sinceMs?: number | null;
  group: string;
}) {
  const service = serviceOf(labels);
  const health = healthText(rule);
  const runbook = isAlerting(rule) ? (rule.runbook ?? annotations.runbook_url) : undefined;
  const texts = entriesOf(annotations)
    // `kpi` is for machines: it says which number of the service the alert is about.
    .filter(([name]) => name !== 'runbook_url' && name !== 'kpi')
    .filter(([name]) => !(name === 'runbook' && runbook !== undefined))
    .sort(([a], [b]) => Number(b === 'summary') - Number(a === 'summary'));
  return (
    <div class="detail">
      <dl class="facts">
        {sinceMs != null && (
          <>
            <dt>Since</dt>
            <dd>
              {stamp(sinceMs)}, <Ago ms={sinceMs} />
            </dd>
          </>
        )}
        {texts.map(([name, text]) => (
          <FactText key={name} name={name} text={text} />
        ))}
        {health !== null && (
          <>
            <dt>Health</dt>
            <dd class={rule.health === 'err' ? 'critical-text' : 'dim'}>{health}</dd>
          </>
        )}
        <dt>Expression</dt>
        <dd>
          <CodeLine text={rule.query}>
            <PromQL expr={rule.query} />
          </CodeLine>
        </dd>
        <dt>Labels</dt>
        <dd>
          <LabelChips labels={labels} />
        </dd>
        <dt>Rule</dt>
        <dd class="dim">
          <RuleLine rule={rule} group={group} />
        </dd>
        {service !== null && (
          <>
            <dt>Service</dt>
            <dd>
              <a class="link" href={hrefTo(`/services/${encodeURIComponent(service)}`)}>
                {service}
              </a>
            </dd>
          </>
        )}
      </dl>
      {runbook !== undefined && <Runbook text={runbook} />}
    </div>
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
function RuleLine({ rule, group }: { rule: Rule; group: string }) {
  const evaluated = parseTime(rule.lastEvaluation);
  const took = speakSeconds(rule.evaluationTime ?? 0);
  return (
    <>
      group {group}
      {isAlerting(rule) && rule.pack !== undefined && `, from the ${rule.pack} pack`}
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

function Runbook({ text }: { text: string }) {
  const href = safeHref(text.trim());
  return (
    <section class="runbook" aria-label="Runbook">
      <h2>Runbook</h2>
      {href === null ? (
        <Prose text={text} />
      ) : (
        <a class="link" href={href} target="_blank" rel="noopener noreferrer">
          {href}
        </a>
      )}
    </section>
  );
}
