import type { Relation } from '../../api/graph';
import { entityHref, isTrouble, kindWord, relationWord, worstFirst } from '../../diagnosis/entity';
import type { Node, Picture } from '../../diagnosis/picture';
import { AssertionLines } from '../../parts/AssertionLines';
import { trafficText } from '../../parts/GraphEdges';
import { Icon } from '../../parts/Icon';
import { LabelChips } from '../../parts/LabelChips';
import { STATE_WORDS, StateBadge } from '../../parts/StateBadge';
import { setParams } from '../../state/url';

const NEIGHBOURS_MAX = 12;

/** What is chosen in the graph, beside it: what is wrong, what it hangs on, the ways on. */
export function Peek({ node, picture }: { node: Node; picture: Picture }) {
  const { entity, inside } = node;
  const wrongInside = inside.filter(isTrouble).sort(worstFirst);
  return (
    <aside class="peek" aria-label={`About ${entity.name}`}>
      <header class="peek-head">
        <h2>
          <StateBadge state={entity.state} quiet />
          <span class="cut">{entity.name}</span>
        </h2>
        <button
          type="button"
          class="icon-button"
          aria-label="Close"
          onClick={() => setParams({ sel: null })}
        >
          <Icon name="close" />
        </button>
      </header>
      <p class="dim small">
        {kindWord(entity.type)}
        {entity.state === 'good' && entity.assertions.length === 0 && ', nothing wrong'}
      </p>
      <p class="button-row">
        <a class="button primary" href={entityHref(entity)}>
          Open
        </a>
        <button
          type="button"
          class="button"
          onClick={() => setParams({ focus: entity.id, hops: null }, 'push')}
        >
          Focus on it
        </button>
      </p>
      <AssertionLines assertions={entity.assertions} />
      {wrongInside.length > 0 && (
        <section>
          <h3>Inside</h3>
          <ul class="peek-list">
            {wrongInside.slice(0, NEIGHBOURS_MAX).map((part) => (
              <li key={part.id}>
                <StateBadge state={part.state} word={STATE_WORDS[part.state]} quiet />
                <a class="link cut" href={entityHref(part)}>
                  {part.name}
                </a>
                <span class="faint small">{kindWord(part.type)}</span>
              </li>
            ))}
          </ul>
        </section>
      )}
      <Neighbours node={node} picture={picture} />
      {Object.keys(entity.properties).length > 0 && (
        <section>
          <h3>Properties</h3>
          <LabelChips labels={entity.properties} />
        </section>
      )}
    </aside>
  );
}

function Neighbours({ node, picture }: { node: Node; picture: Picture }) {
  const { id } = node.entity;
  const byId = new Map(picture.nodes.map((one) => [one.entity.id, one]));
  const edges = picture.edges.filter(({ from, to }) => from === id || to === id);
  if (edges.length === 0) return null;
  return (
    <section>
      <h3>Connected</h3>
      <ul class="peek-list">
        {edges.slice(0, NEIGHBOURS_MAX).map((edge) => {
          const end: 'from' | 'to' = edge.from === id ? 'from' : 'to';
          const other = byId.get(end === 'from' ? edge.to : edge.from);
          if (other === undefined) return null;
          return (
            <li key={edge.key}>
              <StateBadge state={other.entity.state} quiet />
              <span class="faint small">{wordsOf(edge.types, end)}</span>
              <button
                type="button"
                class="text-button cut"
                onClick={() => setParams({ sel: other.entity.id })}
              >
                {other.entity.name}
              </button>
              <span class="num small dim">{trafficText(edge)}</span>
            </li>
          );
        })}
        {edges.length > NEIGHBOURS_MAX && (
          <li class="faint small">and {edges.length - NEIGHBOURS_MAX} more, on its page</li>
        )}
      </ul>
    </section>
  );
}

const wordsOf = (types: Relation['type'][], end: 'from' | 'to') =>
  types.map((type) => relationWord(type, end)).join(', ');
