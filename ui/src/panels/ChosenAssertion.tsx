import type { Assertion } from '../api/assertions';
import { timeMs } from '../api/times';
import { CATEGORY_WORDS } from '../diagnosis/category';
import { entityHref, graphHref, kindWord } from '../diagnosis/entity';
import { lasting } from '../format/duration';
import { stamp } from '../format/time';
import { speakText } from '../format/units';
import { CategoryMark } from '../parts/CategoryMark';
import { Icon } from '../parts/Icon';
import { PromQL } from '../parts/PromQL';
import { serverNow } from '../state/clock';
import { ProofChart } from './ProofChart';
import '../style/proof.css';

/** An assertion opened: its sentence, when it turned and was judged, and what was compared. */
export function ChosenAssertion({
  assertion,
  onClose,
}: {
  assertion: Assertion;
  onClose: () => void;
}) {
  const { entity, name, category, severity, sentence, query, unit, value, usual, limit } =
    assertion;
  const sinceMs = timeMs(assertion.since);
  const onsetMs = timeMs(assertion.onset) ?? sinceMs;
  const endMs = timeMs(assertion.end);
  const spoken = (number: number | null | undefined) =>
    number == null ? null : speakText(number, unit ?? 'short');
  const compared = [
    spoken(value) && `now ${spoken(value)}`,
    spoken(usual) && `usually ${spoken(usual)}`,
    spoken(limit) && `limit ${spoken(limit)}`,
  ].filter(Boolean);
  return (
    <section class="chosen-assertion" aria-label={sentence}>
      <header class="chosen-head">
        <CategoryMark category={category} />
        <h3>{sentence === '' ? name : sentence}</h3>
        <button type="button" class="icon-button" aria-label="Close" onClick={onClose}>
          <Icon name="close" />
        </button>
      </header>
      <p class="small dim">
        {CATEGORY_WORDS[category] ?? category}, {severity}, on{' '}
        <a class="link" href={entityHref(entity)}>
          {entity.name}
        </a>{' '}
        ({kindWord(entity.type)}) · {name.replaceAll('_', ' ')}
        {compared.length > 0 && ` · ${compared.join(', ')}`} ·{' '}
        <a class="link" href={graphHref(entity)}>
          in the graph
        </a>
      </p>
      <p class="small dim">
        {onsetMs !== null && `It turned at ${stamp(onsetMs)}`}
        {sinceMs !== null && onsetMs !== sinceMs && `, was judged at ${stamp(sinceMs).slice(11)}`}
        {sinceMs !== null &&
          (endMs === null
            ? ` and lasts, for ${lasting(serverNow() - sinceMs)} now.`
            : ` and was over at ${stamp(endMs).slice(11)}, after ${lasting(endMs - sinceMs)}.`)}
      </p>
      {query != null && query !== '' ? (
        <>
          <ProofChart
            key={assertion.id}
            wide
            proof={{
              title: sentence,
              query,
              unit: unit ?? 'short',
              onsetMs,
              endMs,
              usual: usual ?? null,
              limit: limit ?? null,
              severity,
            }}
          />
          <PromQL expr={query} />
        </>
      ) : (
        <p class="small dim">It comes from an event, so there is no number to draw.</p>
      )}
    </section>
  );
}
