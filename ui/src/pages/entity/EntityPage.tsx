import { useSignal } from '@preact/signals';
import { useEffect, useMemo } from 'preact/hooks';
import { type Assertion, fetchAssertions } from '../../api/assertions';
import { type EntityDetail, fetchEntity } from '../../api/entity';
import type { EntityRef } from '../../api/graph';
import { entityId, scopeIn } from '../../diagnosis/entity';
import { lanesOf } from '../../diagnosis/lanes';
import { lasting } from '../../format/duration';
import { ChosenAssertion } from '../../panels/lazyProof';
import { AssertionLines } from '../../parts/AssertionLines';
import { EntityLane, LaneAxis, letterShare } from '../../parts/Lanes';
import { lazily } from '../../parts/lazily';
import { Loadable, SkeletonRows } from '../../parts/Loadable';
import { bounds, serverNow } from '../../state/clock';
import { hrefTo, param, params, range } from '../../state/url';
import { useQuery } from '../../state/useQuery';
import { EntityFacts } from './EntityFacts';
import { EntityHead } from './EntityHead';
import { EntityIncidents } from './EntityIncidents';
import { EntityRelations } from './EntityRelations';
import type { KpisProps } from './Kpis';
import '../../style/diagnosis.css';
import './entity.css';

// Charts weigh more than all the rest: the words come first.
const Kpis = lazily<KpisProps>(
  async () => (await import('./Kpis')).Kpis,
  <div class="chart-skeleton" style={{ height: '240px' }} />,
);

const DAY_S = 86_400;

/** One entity of any kind: its state, its numbers, what is asserted, what it hangs on. */
export function EntityPage({ type, name }: { type: string; name: string }) {
  // The scope is a part of what it is.
  const scope = scopeIn(params.value);
  const entity: EntityRef = { type, name, scope };
  const id = entityId(entity);
  useEffect(() => {
    document.title = `${name} · Pyrometer`;
  }, [name]);
  const time = range.value.kind === 'absolute' ? range.value.toMs / 1000 : undefined;
  const { remote, again } = useQuery(id, String(time), (abort) => fetchEntity(entity, time, abort));
  const { value, error } = remote.value;
  if (error?.kind === 'not_found' && value === undefined) return <NoEntity entity={entity} />;
  return (
    <Loadable
      remote={remote}
      again={again}
      what={name}
      skeleton={<SkeletonRows rows={5} height={96} />}
    >
      {(detail) => <Detail key={id} detail={detail} />}
    </Loadable>
  );
}

function Detail({ detail }: { detail: EntityDetail }) {
  const { entity } = detail;
  const { startMs, endMs } = bounds();
  // Fifteen minutes tell nothing of what it does at other times: a day at least.
  const span = { startMs: Math.min(startMs, endMs - DAY_S * 1000), endMs };
  const { remote, again } = useQuery(
    `assertions ${entity.id}`,
    JSON.stringify(range.value),
    (abort) =>
      fetchAssertions(
        {
          start: Math.floor(span.startMs / 1000),
          end: Math.ceil(span.endMs / 1000),
          entity: entity.id,
        },
        abort,
      ),
  );
  const assertions = remote.value.value?.assertions ?? [];
  return (
    <article class="entity">
      <EntityHead entity={entity} />
      <AssertionLines assertions={entity.assertions} />
      <Kpis kpis={detail.kpis} assertions={assertions} only={param('panel')} />
      <section class="entity-part" aria-label="What was asserted">
        <h2>
          What was asserted
          <span class="faint small">in the last {lasting(span.endMs - span.startMs)}</span>
        </h2>
        <Loadable
          remote={remote}
          again={again}
          what="what was asserted"
          skeleton={<SkeletonRows rows={1} height={60} />}
        >
          {(answer) => <History assertions={answer.assertions} span={span} />}
        </Loadable>
      </section>
      <EntityRelations detail={detail} />
      <EntityIncidents entity={entity} />
      <EntityFacts detail={detail} />
    </article>
  );
}

function History({
  assertions,
  span,
}: {
  assertions: Assertion[];
  span: { startMs: number; endMs: number };
}) {
  const chosen = useSignal<Assertion | null>(null);
  const [lane] = useMemo(
    () => lanesOf(assertions, span, letterShare()),
    [assertions, span.startMs, span.endMs],
  );
  if (lane === undefined) return <p class="none">Nothing: it was as it should be.</p>;
  return (
    <>
      <div class="lanes" role="list" aria-label="Assertions over time">
        <LaneAxis span={span} />
        <EntityLane
          lane={lane}
          span={span}
          chosen={chosen.value?.id ?? ''}
          onChoose={(assertion) => {
            chosen.value = assertion.id === chosen.peek()?.id ? null : assertion;
          }}
        />
      </div>
      {chosen.value !== null && (
        <ChosenAssertion
          assertion={chosen.value}
          onClose={() => {
            chosen.value = null;
          }}
        />
      )}
    </>
  );
}

function NoEntity({ entity: { type, name } }: { entity: EntityRef }) {
  const past = range.value.kind === 'absolute' && range.value.toMs < serverNow() - 60_000;
  return (
    <section class="empty">
      <h1>
        No {type.replaceAll('_', ' ')} is called {name}
      </h1>
      <p>
        {past
          ? 'It was not there at the end of the chosen time. It may have come later.'
          : 'It is not seen in what is scraped now. It may have gone, or carry another name.'}
      </p>
      <p class="button-row">
        <a class="button primary" href={hrefTo('/graph', { show: 'all' })}>
          Everything that is seen
        </a>
        <a class="button" href={hrefTo('/targets')}>
          What is scraped
        </a>
      </p>
    </section>
  );
}
