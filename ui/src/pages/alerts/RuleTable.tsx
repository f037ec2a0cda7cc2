import type { Rule, RuleGroup } from '../../api/rules';
import { lasting, speakSeconds } from '../../format/duration';
import { labelsId } from '../../format/labels';
import { plural, whole } from '../../format/number';
import { parseTime } from '../../format/time';
import { Ago } from '../../parts/Ago';
import { grouped, Paged } from '../../parts/Paged';
import { PromQL } from '../../parts/PromQL';
import { type ShapeState, StateBadge, severityState } from '../../parts/StateBadge';
import { param, setParams } from '../../state/url';
import { healthText, isAlerting, type RuleStanding, standingOf } from './alertList';
import { RuleFacts } from './RuleFacts';

export type PlacedRule = { group: RuleGroup; rule: Rule };

/** Rules by group. */
export function RuleTable({ shown }: { shown: PlacedRule[] }) {
  const open = param('open');
  const opened =
    open === '' ? -1 : shown.findIndex(({ group, rule }) => ruleId(rule, group.name) === open);
  return (
    <div class="scroll-x">
      <table class="list alerts rules-table">
        <thead>
          <tr>
            <th scope="col">
              <span class="hidden">State</span>
            </th>
            <th scope="col">Rule</th>
            <th scope="col" class="col-summary">
              Expression or trouble
            </th>
            <th scope="col" class="num">
              Alerts
            </th>
            <th scope="col" class="num">
              Took
            </th>
            <th scope="col" class="num">
              Evaluated
            </th>
          </tr>
        </thead>
        <Paged items={shown} atLeast={opened + 1}>
          {(page, more) => (
            <>
              {[...grouped(page, ({ group }) => group)].map(([group, members]) => (
                <Group
                  key={`${group.file} ${group.name}`}
                  group={group}
                  rules={members.map(({ rule }) => rule)}
                />
              ))}
              {more !== null && <caption>{more}</caption>}
            </>
          )}
        </Paged>
      </table>
    </div>
  );
}

/** A group's head, which counts all its rules, and those of `rules` that are shown. */
function Group({ group, rules }: { group: RuleGroup; rules: Rule[] }) {
  const took = speakSeconds(group.evaluationTime ?? 0);
  return (
    <tbody>
      <tr class="group-row">
        <th scope="rowgroup" colSpan={6}>
          <span class="group-name">{group.name}</span>
          <span class="faint small">
            {plural(group.rules.length, 'rule')}, every {lasting(group.interval * 1000)}
            {(group.evaluationTime ?? 0) > 0 && `, takes ${took.number}\u00a0${took.unit}`}
          </span>
          <span class="faint small mono cut">{group.file}</span>
        </th>
      </tr>
      {rules.map((rule) => (
        <RuleRow
          key={`${rule.type} ${rule.name} ${labelsId(rule.labels ?? {})}`}
          rule={rule}
          group={group}
        />
      ))}
    </tbody>
  );
}

const STANDING: Record<RuleStanding, { state: ShapeState; word: string }> = {
  failing: { state: 'critical', word: 'Failing' },
  firing: { state: 'unknown', word: 'Firing' },
  pending: { state: 'unknown', word: 'Pending' },
  not_evaluable: { state: 'unknown', word: 'Not evaluable' },
  needs_data: { state: 'unknown', word: 'Needs data' },
  new: { state: 'unknown', word: 'Not evaluated yet' },
  armed: { state: 'good', word: 'Armed' },
  recording: { state: 'good', word: 'Recording' },
};

/** The state of a rule as shape and word; never green while it cannot be judged. */
function ruleState(rule: Rule): { state: ShapeState; hollow: boolean; word: string } {
  const standing = standingOf(rule);
  const { state, word } = STANDING[standing];
  const raised = standing === 'firing' || standing === 'pending';
  return {
    state: raised ? severityState(rule.labels?.severity) : state,
    hollow: standing === 'pending' || (!raised && state === 'unknown'),
    word,
  };
}

function toneOf(rule: Rule, trouble: string | null): string {
  if (rule.health === 'err') return 'critical-text';
  return trouble === null ? 'dim' : 'waits';
}

const ruleId = (rule: Rule, group: string) => labelsId({ ...rule.labels, rule: rule.name, group });

function RuleRow({ rule, group }: { rule: Rule; group: RuleGroup }) {
  const id = ruleId(rule, group.name);
  const open = param('open') === id;
  const { state, hollow, word } = ruleState(rule);
  const trouble = healthText(rule);
  const alerts = isAlerting(rule) ? rule.alerts.length : 0;
  const took = speakSeconds(rule.evaluationTime ?? 0);
  return (
    <>
      <tr class={`row ${state}`}>
        <td class="col-state">
          <StateBadge state={state} hollow={hollow} quiet word={word} />
        </td>
        <th scope="row" class="col-name">
          <button
            type="button"
            data-row
            class="row-link"
            aria-expanded={open}
            onClick={() => setParams({ open: open ? null : id })}
          >
            <span class="name cut" title={rule.name}>
              {rule.name}
            </span>
          </button>
        </th>
        <td class="col-summary">
          <span class={`cut ${toneOf(rule, trouble)}`} title={trouble ?? rule.query}>
            {trouble ?? <PromQL expr={rule.query} />}
          </span>
        </td>
        <td class="num wide-only">{alerts > 0 ? whole(alerts) : ''}</td>
        <td class="num dim wide-only">
          {took.number}
          {'\u00a0'}
          {took.unit}
        </td>
        <td class="num dim">
          <Ago ms={parseTime(rule.lastEvaluation)} />
        </td>
      </tr>
      {open && (
        <tr class="detail-row">
          <td />
          <td colSpan={5}>
            <RuleFacts rule={rule} group={group} />
          </td>
        </tr>
      )}
    </>
  );
}
