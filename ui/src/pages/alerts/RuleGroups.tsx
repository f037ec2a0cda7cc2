import type { Rule, RuleGroup } from '../../api/rules';
import { lasting } from '../../format/duration';
import { labelsId } from '../../format/labels';
import { plural } from '../../format/number';
import { parseTime } from '../../format/time';
import { Ago } from '../../parts/Ago';
import { grouped, Paged } from '../../parts/Paged';
import { PromQL } from '../../parts/PromQL';
import { type ShapeState, StateBadge, severityState } from '../../parts/StateBadge';
import { param, setParams } from '../../state/url';
import { healthText, isAlerting, mentions } from './alertList';
import { RuleFacts } from './RuleFacts';

/** Every rule, by group. */
export function RuleGroups({ groups, filter }: { groups: RuleGroup[]; filter: string }) {
  const open = param('open');
  const shown = groups.flatMap((group) =>
    group.rules
      .filter((rule) => mentions(filter, rule.name, rule.labels))
      .map((rule) => ({ group, rule })),
  );
  const opened =
    open === '' ? -1 : shown.findIndex(({ group, rule }) => ruleId(rule, group.name) === open);
  return (
    <section class="rules">
      <h2>All rules</h2>
      <div class="scroll-x">
        <table class="list alerts rules-table">
          <thead class="hidden">
            <tr>
              <th scope="col">State</th>
              <th scope="col">Rule</th>
              <th scope="col">Expression or trouble</th>
              <th scope="col">Holds for</th>
              <th scope="col">Evaluated</th>
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
      {shown.length === 0 && <p class="none">No rule mentions “{filter}”.</p>}
    </section>
  );
}

/** A group's head, which counts all its rules, and those of `rules` that are shown. */
function Group({ group, rules }: { group: RuleGroup; rules: Rule[] }) {
  return (
    <tbody>
      <tr class="group-row">
        <th scope="rowgroup" colSpan={5}>
          <span class="group-name">{group.name}</span>
          <span class="faint small">
            {plural(group.rules.length, 'rule')}, every {lasting(group.interval * 1000)}
          </span>
          <span class="faint small mono cut">{group.file}</span>
        </th>
      </tr>
      {rules.map((rule) => (
        <RuleRow
          key={`${rule.type} ${rule.name} ${labelsId(rule.labels ?? {})}`}
          rule={rule}
          group={group.name}
        />
      ))}
    </tbody>
  );
}

/** The state of a rule as shape and word: firing by severity, else whether it can be evaluated. */
function ruleState(rule: Rule): { state: ShapeState; hollow: boolean; word: string } {
  if (rule.health === 'err') return { state: 'unknown', hollow: true, word: 'Not evaluable' };
  if (rule.health !== 'ok') return { state: 'unknown', hollow: true, word: 'Not evaluated yet' };
  if (isAlerting(rule) && rule.notEvaluable !== undefined) {
    return { state: 'unknown', hollow: true, word: 'Says nothing yet' };
  }
  if (!isAlerting(rule) || rule.state === 'inactive') {
    return { state: 'good', hollow: false, word: isAlerting(rule) ? 'Armed' : 'Recording' };
  }
  const severity = severityState(rule.labels?.severity);
  const pending = rule.state === 'pending';
  return { state: severity, hollow: pending, word: pending ? 'Pending' : 'Firing' };
}

const ruleId = (rule: Rule, group: string) => labelsId({ ...rule.labels, rule: rule.name, group });

function RuleRow({ rule, group }: { rule: Rule; group: string }) {
  const id = ruleId(rule, group);
  const open = param('open') === id;
  const { state, hollow, word } = ruleState(rule);
  const health = healthText(rule);
  return (
    <>
      <tr class={`row ${state}`}>
        <td class="col-state">
          <StateBadge state={state} hollow={hollow} word={word} quiet />
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
            {!isAlerting(rule) && <span class="tag">recording</span>}
          </button>
        </th>
        <td class="col-summary">
          {health === null ? (
            <span class="cut dim">
              <PromQL expr={rule.query.replace(/\s+/g, ' ')} />
            </span>
          ) : (
            <span class={rule.health === 'err' ? 'cut critical-text' : 'cut dim'} title={health}>
              {health}
            </span>
          )}
        </td>
        <td class="num dim wide-only">
          {isAlerting(rule) && rule.duration > 0 && `for ${lasting(rule.duration * 1000)}`}
        </td>
        <td class="num dim">
          <Ago ms={parseTime(rule.lastEvaluation)} />
        </td>
      </tr>
      {open && (
        <tr class="detail-row">
          <td />
          <td colSpan={4}>
            <RuleFacts
              rule={rule}
              labels={rule.labels ?? {}}
              annotations={isAlerting(rule) ? (rule.annotations ?? {}) : {}}
              group={group}
            />
          </td>
        </tr>
      )}
    </>
  );
}
