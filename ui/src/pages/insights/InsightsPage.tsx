import { useEffect, useMemo } from 'preact/hooks';
import { type Assertion, fetchAssertions } from '../../api/assertions';
import { filtered, idsOf } from '../../diagnosis/insights';
import { lanesOf, type Span } from '../../diagnosis/lanes';
import { rangeName } from '../../format/duration';
import { plural } from '../../format/number';
import { ChosenAssertion } from '../../panels/lazyProof';
import { EntityLane, LaneAxis, letterShare } from '../../parts/Lanes';
import { Loadable, SkeletonRows } from '../../parts/Loadable';
import { Paged } from '../../parts/Paged';
import { bounds } from '../../state/clock';
import { hrefTo, param, range, setParams, setRange } from '../../state/url';
import { useQuery } from '../../state/useQuery';
import { Histogram } from './Histogram';
import { filterIn, InsightFilters } from './InsightFilters';
import { TopTable } from './TopTable';
import '../../style/diagnosis.css';
import './insights.css';

const OFFERED = [3_600, 21_600, 86_400, 7 * 86_400];

/** What was not as it should be, of whom and when: one lane an entity, the heaviest first. */
export function InsightsPage() {
  useEffect(() => {
    document.title = 'Insights · Pyrometer';
  }, []);
  const { remote, again } = useQuery('insights', JSON.stringify(range.value), async (abort) => {
    const { startMs, endMs } = bounds();
    const asked = { start: Math.floor(startMs / 1000), end: Math.ceil(endMs / 1000) };
    const { data, notes } = await fetchAssertions(asked, abort);
    return { notes, data: { assertions: data.assertions, span: { startMs, endMs } } };
  });
  return (
    <section class="insights">
      <Loadable
        remote={remote}
        again={again}
        what="the insights"
        skeleton={<SkeletonRows rows={12} height={34} />}
      >
        {({ assertions, span }) => <Insights assertions={assertions} span={span} />}
      </Loadable>
    </section>
  );
}

function Insights({ assertions, span }: { assertions: Assertion[]; span: Span }) {
  const filter = filterIn();
  const asked = JSON.stringify([
    ...filter.categories,
    0,
    ...filter.severities,
    0,
    ...filter.kinds,
    0,
    filter.text,
  ]);
  // The filter is made anew from the URL each time: its text stands for it.
  const shown = useMemo(() => filtered(assertions, filter), [assertions, asked]);
  const lanes = useMemo(() => lanesOf(shown, span, letterShare()), [shown, span]);
  const top = param('view') === 'top';
  return (
    <>
      <div class="page-head">
        <h1>Insights</h1>
        <span class="dim">
          {plural(shown.length, 'assertion')} of {plural(idsOf(shown), 'entity', 'entities')}
        </span>
        <Ranges />
        <div class="button-group" role="group" aria-label="View">
          <ViewButton view="" word="Over time" chosen={!top} />
          <ViewButton view="top" word="Top" chosen={top} />
        </div>
      </div>
      <InsightFilters assertions={assertions} filter={filter} />
      {assertions.length === 0 ? (
        <Quiet />
      ) : shown.length === 0 ? (
        <p class="none">
          None of the {plural(assertions.length, 'assertion')} is like this.{' '}
          <button
            type="button"
            class="text-button"
            onClick={() => setParams({ category: null, severity: null, kind: null, filter: null })}
          >
            Show all
          </button>
        </p>
      ) : top ? (
        <TopTable lanes={lanes} />
      ) : (
        <LaneList lanes={lanes} span={span} shown={shown} />
      )}
    </>
  );
}

function LaneList({
  lanes,
  span,
  shown,
}: {
  lanes: ReturnType<typeof lanesOf>;
  span: Span;
  shown: Assertion[];
}) {
  const open = param('open');
  const chosen = shown.find(({ id }) => id === open) ?? null;
  const close = () => setParams({ open: null });
  return (
    <>
      <Histogram assertions={shown} span={span} />
      <Paged items={lanes}>
        {(page, more) => (
          <>
            <div class="lanes" role="list" aria-label="Assertions over time, heaviest first">
              <LaneAxis span={span} />
              {page.map((lane) => {
                const mine = lane.stretches.some(({ assertion }) => assertion === chosen);
                return (
                  <div key={lane.id} role="presentation">
                    <EntityLane
                      lane={lane}
                      span={span}
                      chosen={open}
                      onChoose={({ id }) => setParams({ open: id === open ? null : id })}
                    />
                    {mine && chosen !== null && (
                      <ChosenAssertion assertion={chosen} onClose={close} />
                    )}
                  </div>
                );
              })}
            </div>
            {more}
          </>
        )}
      </Paged>
    </>
  );
}

function ViewButton({ view, word, chosen }: { view: string; word: string; chosen: boolean }) {
  return (
    <button
      type="button"
      class="button"
      aria-pressed={chosen}
      onClick={() => setParams({ view: view === '' ? null : view })}
    >
      {word}
    </button>
  );
}

function Ranges() {
  const chosen = range.value;
  return (
    <span class="button-group insight-ranges">
      {OFFERED.map((seconds) => (
        <button
          key={seconds}
          type="button"
          class="button"
          aria-pressed={chosen.kind === 'relative' && chosen.seconds === seconds}
          onClick={() => setRange({ kind: 'relative', seconds })}
        >
          {rangeName(seconds)}
        </button>
      ))}
    </span>
  );
}

function Quiet() {
  return (
    <section class="empty">
      <h2>Nothing was out of the ordinary in this time</h2>
      <p class="dim">
        Here stands what saturates (S), changes (A), is unusual (N), fails (F) or gives errors (E),
        of every service, host and database. A longer time is a press away, above.
      </p>
      <p class="button-row">
        <a class="button" href={hrefTo('/graph', { show: 'all' })}>
          What is watched
        </a>
      </p>
    </section>
  );
}
