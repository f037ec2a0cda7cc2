import type { EntityAssertion } from '../api/graph';
import { timeMs } from '../api/times';
import { weightOf } from '../diagnosis/category';
import { Ago } from './Ago';
import { CategoryMark } from './CategoryMark';

/** What is asserted of an entity now, heaviest first, each in its one sentence. */
export function AssertionLines({ assertions }: { assertions: EntityAssertion[] }) {
  if (assertions.length === 0) return null;
  const sorted = [...assertions].sort((a, b) => weightOf(b) - weightOf(a));
  return (
    <ul class="assertion-lines">
      {sorted.map(({ name, category, severity, since, sentence }) => (
        <li key={`${name} ${String(since)} ${sentence}`} class={severity}>
          <CategoryMark category={category} />
          <span>{sentence === '' ? name : sentence}</span>
          <span class="dim small num">
            <Ago ms={timeMs(since)} />
          </span>
        </li>
      ))}
    </ul>
  );
}
