import type { Assertion } from '../../api/assertions';
import type { Category } from '../../api/graph';
import { CATEGORIES, CATEGORY_WORDS, SEVERITIES, shapeOf } from '../../diagnosis/category';
import { kindWord } from '../../diagnosis/entity';
import type { InsightFilter } from '../../diagnosis/insights';
import { CategoryMark } from '../../parts/CategoryMark';
import { StateShape } from '../../parts/StateBadge';
import { param, setParams } from '../../state/url';

const listed = (name: string): ReadonlySet<string> =>
  new Set(
    param(name)
      .split(',')
      .filter((one) => one !== ''),
  );

/** The filters that the URL has. */
export const filterIn = (): InsightFilter => ({
  categories: listed('category'),
  severities: listed('severity'),
  kinds: listed('kind'),
  text: param('filter'),
});

/** By category, severity and kind, each with how many there are; and by a text. */
export function InsightFilters({
  assertions,
  filter,
}: {
  assertions: Assertion[];
  filter: InsightFilter;
}) {
  const kinds = [...new Set(assertions.map(({ entity }) => entity.type))].sort();
  return (
    <div class="filters insight-filters">
      <div class="filter-set" role="group" aria-label="Categories">
        {CATEGORIES.map((category: Category) => (
          <Toggle
            key={category}
            name="category"
            value={category}
            chosen={filter.categories}
            count={assertions.filter((one) => one.category === category).length}
          >
            <CategoryMark category={category} />
            <span aria-hidden="true">{CATEGORY_WORDS[category]}</span>
          </Toggle>
        ))}
      </div>
      <div class="filter-set" role="group" aria-label="Severities">
        {SEVERITIES.map((severity) => (
          <Toggle
            key={severity}
            name="severity"
            value={severity}
            chosen={filter.severities}
            count={assertions.filter((one) => one.severity === severity).length}
          >
            <StateShape state={shapeOf(severity)} />
            {severity}
          </Toggle>
        ))}
      </div>
      {kinds.length > 1 && (
        <div class="filter-set" role="group" aria-label="Kinds">
          {kinds.map((kind) => (
            <Toggle
              key={kind}
              name="kind"
              value={kind}
              chosen={filter.kinds}
              count={assertions.filter(({ entity }) => entity.type === kind).length}
            >
              {kindWord(kind)}
            </Toggle>
          ))}
        </div>
      )}
      <input
        class="field filter-field"
        type="search"
        aria-label="Filter the insights"
        placeholder="Filter by entity, sentence"
        value={filter.text}
        onInput={(event) => setParams({ filter: event.currentTarget.value })}
      />
    </div>
  );
}

function Toggle({
  name,
  value,
  chosen,
  count,
  children,
}: {
  name: string;
  value: string;
  chosen: ReadonlySet<string>;
  count: number;
  children: preact.ComponentChildren;
}) {
  const on = chosen.has(value);
  if (count === 0 && !on) return null;
  const next = new Set(chosen);
  if (on) next.delete(value);
  else next.add(value);
  return (
    <button
      type="button"
      class="filter"
      aria-pressed={on}
      onClick={() => setParams({ [name]: [...next].join(',') })}
    >
      {children}
      <span class="num dim">{count}</span>
    </button>
  );
}
