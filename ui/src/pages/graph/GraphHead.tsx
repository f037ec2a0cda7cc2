import type { Entity } from '../../api/graph';
import { kindCount, kindWord } from '../../diagnosis/entity';
import type { Choice } from '../../diagnosis/picture';
import { Icon } from '../../parts/Icon';
import { grouped } from '../../parts/Paged';
import { setParams } from '../../state/url';

const SHOWS: { show: Choice['show']; word: string; title: string }[] = [
  { show: 'trouble', word: 'What is wrong', title: 'What is wrong, and what is one hop from it' },
  { show: 'errors', word: 'Only errors', title: 'Only what is wrong' },
  { show: 'all', word: 'All', title: 'Every entity' },
];
const HOPS = [1, 2, 3];

/** What of the graph is shown: trouble or all, the focus, the kinds, parts, picture or table. */
export function GraphHead({
  entities,
  choice,
  focusName,
  unfolded,
  table,
}: {
  /** Those that may be hidden by their kind. */
  entities: Entity[];
  choice: Choice;
  focusName: string | null;
  unfolded: boolean;
  table: boolean;
}) {
  return (
    <div class="page-head graph-head">
      <h1>Graph</h1>
      <div class="filters">
        {focusName === null ? (
          <div class="button-group" role="group" aria-label="Show">
            {SHOWS.map(({ show, word, title }) => (
              <button
                key={show}
                type="button"
                class="button"
                title={title}
                aria-pressed={choice.show === show}
                onClick={() => setParams({ show: show === 'trouble' ? null : show }, 'push')}
              >
                {word}
              </button>
            ))}
          </div>
        ) : (
          <Focus name={focusName} hops={choice.hops} />
        )}
        <Kinds entities={entities} hidden={choice.hidden} />
        <button
          type="button"
          class="filter"
          title="Instances, routes and containers as nodes of their own"
          aria-pressed={unfolded}
          onClick={() => setParams({ parts: unfolded ? null : '1' })}
        >
          Parts apart
        </button>
        <button
          type="button"
          class="button graph-twin"
          data-table-twin
          aria-pressed={table}
          title="As a table, and back (v)"
          onClick={() => setParams({ table: table ? null : '1' })}
        >
          <Icon name={table ? 'graph' : 'table'} />
          {table ? 'Picture' : 'Table'}
        </button>
      </div>
    </div>
  );
}

function Focus({ name, hops }: { name: string; hops: number }) {
  return (
    <div class="graph-focus">
      <span>
        Around <strong>{name}</strong>
      </span>
      <div class="button-group" role="group" aria-label="Hops">
        {HOPS.map((count) => (
          <button
            key={count}
            type="button"
            class="button"
            aria-pressed={hops === count}
            onClick={() => setParams({ hops: count === 1 ? null : String(count) })}
          >
            {count === 1 ? '1 hop' : count}
          </button>
        ))}
      </div>
      <button
        type="button"
        class="text-button"
        onClick={() => setParams({ focus: null, hops: null }, 'push')}
      >
        Leave the focus
      </button>
    </div>
  );
}

function Kinds({ entities, hidden }: { entities: Entity[]; hidden: ReadonlySet<string> }) {
  const kinds = [...grouped(entities, ({ type }) => type)].sort(
    ([, a], [, b]) => b.length - a.length,
  );
  if (kinds.length < 2) return null;
  return (
    <div class="kinds" role="group" aria-label="Kinds">
      {kinds.map(([type, of]) => {
        const shown = !hidden.has(type);
        const next = new Set(hidden);
        if (shown) next.add(type);
        else next.delete(type);
        return (
          <button
            key={type}
            type="button"
            class="filter"
            aria-pressed={shown}
            aria-label={kindWord(type)}
            title={shown ? `Leave out ${kindWord(type)}` : `Show ${kindWord(type)}`}
            onClick={() => setParams({ hide: [...next].sort().join(',') })}
          >
            {kindCount(of.length, type)}
          </button>
        );
      })}
    </div>
  );
}
