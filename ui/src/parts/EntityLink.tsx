import type { EntityRef } from '../api/graph';
import { entityHref, kindWord, scopeWords } from '../diagnosis/entity';

/** An entity by its name, with its kind and what keeps it apart; leads to its page. */
export function EntityLink({ entity }: { entity: EntityRef }) {
  const place = scopeWords(entity);
  return (
    <span class="entity-link">
      <a class="link" href={entityHref(entity)}>
        {entity.name}
      </a>
      <span class="faint small">
        {kindWord(entity.type)}
        {place !== '' && ` of ${place}`}
      </span>
    </span>
  );
}
