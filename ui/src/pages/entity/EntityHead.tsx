import type { Entity } from '../../api/graph';
import { graphHref, kindWord, scopeWords } from '../../diagnosis/entity';
import { Icon } from '../../parts/Icon';
import { STATE_WORDS, StateBadge } from '../../parts/StateBadge';
import { hrefTo } from '../../state/url';

export function EntityHead({ entity }: { entity: Entity }) {
  const { type, name, state, assertions, scope } = entity;
  const place = scopeWords(entity);
  const service = type === 'service' ? name : (scope.service ?? scope.job ?? null);
  return (
    <header class="entity-head">
      <div class="entity-title">
        <p class="crumbs small">
          <a class="link" href={hrefTo('/graph')}>
            Graph
          </a>
          <span class="faint"> / {kindWord(type)}</span>
        </p>
        <h1>
          <StateBadge state={state} quiet />
          {name}
        </h1>
        <p class={`entity-state ${state}`}>
          <strong>
            {assertions.length === 0 && state === 'good' ? 'As it should be' : STATE_WORDS[state]}
          </strong>
          <span class="dim">
            {kindWord(type)}
            {place !== '' && ` of ${place}`}
          </span>
        </p>
      </div>
      <p class="button-row">
        <a class="button" href={graphHref(entity)}>
          <Icon name="graph" />
          In the graph
        </a>
        {service !== null && (
          <a class="button" href={hrefTo(`/services/${encodeURIComponent(service)}`)}>
            <Icon name="chart" />
            {type === 'service' ? 'Charts and instances' : `Service ${service}`}
          </a>
        )}
      </p>
    </header>
  );
}
