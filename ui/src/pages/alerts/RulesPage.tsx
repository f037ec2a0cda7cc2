import { useEffect, useMemo } from 'preact/hooks';
import { fetchRules, type RuleGroup } from '../../api/rules';
import { whole } from '../../format/number';
import { Loadable, SkeletonRows } from '../../parts/Loadable';
import { hrefTo, param, setParams } from '../../state/url';
import { useQuery } from '../../state/useQuery';
import { AlertTabs } from './AlertTabs';
import { mentions, type RuleStanding, standingOf } from './alertList';
import { RuleTable } from './RuleTable';
import './alerts.css';

/** Every rule: can it judge, what does it say, how long did it take. */
export function RulesPage() {
  useEffect(() => {
    document.title = 'Rules · Pyrometer';
  }, []);
  const { remote, again } = useQuery('rules', '', fetchRules);
  return (
    <section>
      <AlertTabs />
      <Loadable
        remote={remote}
        again={again}
        what="the rules"
        skeleton={<SkeletonRows rows={20} height={28} />}
      >
        {({ groups }) => (groups.length === 0 ? <NoRules /> : <Rules groups={groups} />)}
      </Loadable>
    </section>
  );
}

/** What is wrong first; several standings make one button where a reader asks one question. */
const FILTERS: { key: string; name: string; holds: RuleStanding[] }[] = [
  { key: 'failing', name: 'failing', holds: ['failing'] },
  { key: 'blind', name: 'cannot judge', holds: ['not_evaluable', 'needs_data', 'new'] },
  { key: 'raised', name: 'firing or pending', holds: ['firing', 'pending'] },
  { key: 'armed', name: 'armed', holds: ['armed'] },
  { key: 'recording', name: 'recording', holds: ['recording'] },
];

function Rules({ groups }: { groups: RuleGroup[] }) {
  const text = param('filter');
  const chosen = param('state');
  const all = useMemo(
    () => groups.flatMap((group) => group.rules.map((rule) => ({ group, rule }))),
    [groups],
  );
  const holds = FILTERS.find(({ key }) => key === chosen)?.holds;
  const shown = all.filter(
    ({ rule, group }) =>
      (holds === undefined || holds.includes(standingOf(rule))) &&
      mentions(text, rule.name, rule.labels, { group: group.name, query: rule.query }),
  );
  return (
    <>
      <div class="page-head">
        <div class="filters">
          {FILTERS.map(({ key, name, holds: standings }) => {
            const count = all.filter(({ rule }) => standings.includes(standingOf(rule))).length;
            if (count === 0 && chosen !== key) return null;
            return (
              <button
                key={key}
                type="button"
                class="filter"
                aria-pressed={chosen === key}
                onClick={() => setParams({ state: chosen === key ? null : key })}
              >
                <span class="num">{whole(count)}</span> {name}
              </button>
            );
          })}
          <input
            class="field filter-field"
            type="search"
            aria-label="Filter rules"
            placeholder="Filter by name, label, expression"
            value={text}
            onInput={(event) => setParams({ filter: event.currentTarget.value })}
          />
        </div>
      </div>
      {shown.length > 0 ? (
        <RuleTable shown={shown} />
      ) : (
        <p class="none">
          No rule fits what is asked for.{' '}
          <button
            type="button"
            class="text-button"
            onClick={() => setParams({ filter: null, state: null })}
          >
            Show all
          </button>
        </p>
      )}
    </>
  );
}

function NoRules() {
  return (
    <div class="empty">
      <h2>No rules yet</h2>
      <p class="dim">
        A pack’s rules are judged from the moment its technology is found; the{' '}
        <a class="link" href={hrefTo('/library')}>
          library
        </a>{' '}
        says what it looks for. Your own Prometheus rule files go under <code>rule_files</code> in
        the configuration.
      </p>
    </div>
  );
}
