import { useEffect, useMemo } from 'preact/hooks';
import type { Answer } from '../../api/client';
import { fetchRange } from '../../api/query';
import { fetchRules } from '../../api/rules';
import { lasting, rangeName } from '../../format/duration';
import { plural } from '../../format/number';
import { aligned, stepFor } from '../../format/steps';
import { Ago } from '../../parts/Ago';
import { LabelChips } from '../../parts/LabelChips';
import { Loadable, SkeletonRows } from '../../parts/Loadable';
import { Paged } from '../../parts/Paged';
import { STATE_WORDS, StateBadge, severityState } from '../../parts/StateBadge';
import { bounds } from '../../state/clock';
import { hrefTo, param, range, setParams, setRange } from '../../state/url';
import { useQuery } from '../../state/useQuery';
import { AlertTabs } from './AlertTabs';
import { distinct, isAlerting, mentions, serviceOf } from './alertList';
import { type Firings, firingQuery, firingsOf } from './firings';
import { Strip } from './HistoryStrip';
import './alerts.css';

const POINTS = 400;

/** What fired in the chosen range, how often and how long. */
export function HistoryPage() {
  useEffect(() => {
    document.title = 'Alert history · Pyrometer';
  }, []);
  const { remote, again } = useQuery('history', JSON.stringify(range.value), fetchHistory);
  return (
    <section>
      <AlertTabs />
      <Loadable
        remote={remote}
        again={again}
        what="what fired"
        skeleton={<SkeletonRows rows={12} height={28} />}
      >
        {(past) => <Past past={past} />}
      </Loadable>
    </section>
  );
}

type History = { firings: Firings[]; range: { start: number; end: number } };

async function fetchHistory(abort: AbortSignal): Promise<Answer<History>> {
  const { data: rules } = await fetchRules(abort);
  const intervals = new Map<string, number>();
  for (const group of rules.groups) {
    for (const rule of group.rules.filter(isAlerting)) intervals.set(rule.name, group.interval);
  }
  const shortest = Math.min(60, ...intervals.values());
  const { startMs, endMs } = bounds();
  const step = stepFor((endMs - startMs) / 1000, POINTS, shortest);
  const asked = aligned(startMs, endMs, step);
  asked.end += step;
  const { data, notes } = await fetchRange(firingQuery(step), asked, abort);
  const shown = { start: startMs / 1000, end: endMs / 1000 };
  const firings = firingsOf(data.result, { ...shown, step }, (labels) => {
    return intervals.get(labels.alertname ?? '') ?? step;
  });
  return { data: { firings, range: shown }, notes };
}

const SORTS = {
  '': (a: Firings, b: Firings) => b.last - a.last,
  times: (a: Firings, b: Firings) => b.stretches.length - a.stretches.length,
  lasted: (a: Firings, b: Firings) => b.seconds - a.seconds,
};

const OFFERED = [3_600, 86_400, 7 * 86_400];

function Past({ past }: { past: History }) {
  const text = param('filter');
  const sort = param('sort') as keyof typeof SORTS;
  const all = past.firings;
  const shown = useMemo(
    () =>
      all
        .filter(({ labels }) => mentions(text, labels.alertname ?? '', labels))
        .sort(SORTS[sort] ?? SORTS['']),
    [all, text, sort],
  );
  const times = all.reduce((sum, { stretches }) => sum + stretches.length, 0);
  return (
    <>
      <div class="page-head">
        <div class="filters">
          <span class="count">
            {all.length === 0
              ? 'Nothing fired'
              : `${plural(all.length, 'alert')} fired ${plural(times, 'time')}`}
          </span>
          <span class="button-group">
            {OFFERED.map((seconds) => (
              <button
                key={seconds}
                type="button"
                class="button"
                aria-pressed={range.value.kind === 'relative' && range.value.seconds === seconds}
                onClick={() => setRange({ kind: 'relative', seconds })}
              >
                {rangeName(seconds)}
              </button>
            ))}
          </span>
          <input
            class="field filter-field"
            type="search"
            aria-label="Filter what fired"
            placeholder="Filter by name, label"
            value={text}
            onInput={(event) => setParams({ filter: event.currentTarget.value })}
          />
        </div>
      </div>
      {shown.length > 0 ? (
        <PastTable shown={shown} range={past.range} />
      ) : (
        <p class="none">
          {all.length === 0
            ? 'Nothing fired in this time. A longer one is a press away, above.'
            : `None of the ${plural(all.length, 'alert')} that fired mentions “${text}”.`}
        </p>
      )}
    </>
  );
}

function PastTable({ shown, range: over }: { shown: Firings[]; range: History['range'] }) {
  return (
    <div class="scroll-x">
      <table class="list alerts history-table">
        <thead>
          <tr>
            <th scope="col">
              <span class="hidden">Severity</span>
            </th>
            <th scope="col">Alert</th>
            <th scope="col">Service</th>
            <th scope="col" class="col-strip">
              When
            </th>
            <Sort name="Times" key="times" sort="times" />
            <Sort name="In all" key="lasted" sort="lasted" />
            <Sort name="Last" key="" sort="" />
          </tr>
        </thead>
        <Paged items={shown}>
          {(page, more) => (
            <>
              {page.map((one) => (
                <PastRow key={one.id} firings={one} range={over} />
              ))}
              {more !== null && <caption>{more}</caption>}
            </>
          )}
        </Paged>
      </table>
    </div>
  );
}

function Sort({ name, sort }: { name: string; sort: string }) {
  const chosen = param('sort') === sort;
  return (
    <th scope="col" class="num" aria-sort={chosen ? 'descending' : 'none'}>
      <button type="button" class="sort" onClick={() => setParams({ sort })}>
        {name}
        {chosen && ' ↓'}
      </button>
    </th>
  );
}

function PastRow({ firings, range: over }: { firings: Firings; range: History['range'] }) {
  const { labels, stretches, seconds, last, id } = firings;
  const open = param('open') === id;
  const severity = severityState(labels.severity);
  const service = serviceOf(labels);
  return (
    <tbody>
      <tr class={`row ${severity}`}>
        <td class="col-state">
          <StateBadge state={severity} quiet word={STATE_WORDS[severity]} />
        </td>
        <th scope="row" class="col-name">
          <button
            type="button"
            data-row
            class="row-link"
            aria-expanded={open}
            onClick={() => setParams({ open: open ? null : id })}
          >
            <span class="name cut" title={labels.alertname}>
              {labels.alertname}
            </span>
            <span class="faint small cut">{distinct(labels)}</span>
          </button>
        </th>
        <td class="col-service">
          {service !== null && (
            <a class="link cut" href={hrefTo(`/services/${encodeURIComponent(service)}`)}>
              {service}
            </a>
          )}
        </td>
        <td class="col-strip">
          <Strip stretches={stretches} range={over} state={severity} />
        </td>
        <td class="num wide-only">{stretches.length}</td>
        <td class="num wide-only">{lasting(seconds * 1000)}</td>
        <td class="num dim">
          <Ago ms={Math.min(last, over.end) * 1000} />
        </td>
      </tr>
      {open && (
        <tr class="detail-row">
          <td />
          <td colSpan={6}>
            <PastDetail firings={firings} />
          </td>
        </tr>
      )}
    </tbody>
  );
}

function PastDetail({ firings: { labels, stretches } }: { firings: Firings }) {
  return (
    <div class="detail">
      <LabelChips labels={labels} />
      <ol class="stretches">
        {stretches
          .slice(-10)
          .reverse()
          .map(({ from, to }) => (
            <li key={from}>
              <button
                type="button"
                class="text-button num"
                title="See this time"
                onClick={() =>
                  setRange({
                    kind: 'absolute',
                    fromMs: Math.round((from - (to - from) / 2 - 300) * 1000),
                    toMs: Math.round((to + (to - from) / 2 + 300) * 1000),
                  })
                }
              >
                <Ago ms={from * 1000} />
              </button>{' '}
              for about {lasting((to - from) * 1000)}
            </li>
          ))}
      </ol>
      {stretches.length > 10 && <p class="small dim">The last 10 of {stretches.length}.</p>}
      <a class="link" href={hrefTo('/alerts/rules', { filter: labels.alertname ?? '' })}>
        Its rule
      </a>
    </div>
  );
}
