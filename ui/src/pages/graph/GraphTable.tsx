import {
  compareNames,
  entityHref,
  kindWord,
  rankOf,
  relationWord,
  scopeWords,
} from '../../diagnosis/entity';
import { type Edge, type Node, nodeState, type Picture } from '../../diagnosis/picture';
import { CategoryMarks } from '../../parts/CategoryMark';
import { trafficText } from '../../parts/GraphEdges';
import { Paged } from '../../parts/Paged';
import { STATE_WORDS, StateBadge } from '../../parts/StateBadge';

// A host may run hundreds; its page lists all.
const RELATIONS_MAX = 4;

/** The graph as a table: every entity that is shown, worst first, and what it hangs on. */
export function GraphTable({ picture }: { picture: Picture }) {
  const rows = [...picture.nodes].sort(
    (a, b) =>
      rankOf(nodeState(a)) - rankOf(nodeState(b)) || compareNames(a.entity.name, b.entity.name),
  );
  const names = new Map(picture.nodes.map(({ entity }) => [entity.id, entity.name]));
  const out = new Map<string, Edge[]>();
  for (const edge of picture.edges) {
    const known = out.get(edge.from);
    if (known === undefined) out.set(edge.from, [edge]);
    else known.push(edge);
  }
  return (
    <div class="scroll-x">
      <table class="list graph-table">
        <thead>
          <tr>
            <th scope="col">
              <span class="hidden">State</span>
            </th>
            <th scope="col">Entity</th>
            <th scope="col">Kind</th>
            <th scope="col">What is wrong</th>
            <th scope="col">Hangs on</th>
          </tr>
        </thead>
        <Paged items={rows}>
          {(page, more) => (
            <>
              <tbody>
                {page.map((node) => (
                  <Row
                    key={node.entity.id}
                    node={node}
                    edges={out.get(node.entity.id) ?? []}
                    names={names}
                  />
                ))}
              </tbody>
              {more !== null && <caption>{more}</caption>}
            </>
          )}
        </Paged>
      </table>
    </div>
  );
}

function Row({ node, edges, names }: { node: Node; edges: Edge[]; names: Map<string, string> }) {
  const { entity, inside } = node;
  const state = nodeState(node);
  const said = [...entity.assertions, ...inside.flatMap(({ assertions }) => assertions)];
  const scope = scopeWords(entity);
  return (
    <tr class={`row ${state}`}>
      <td class="col-state">
        <StateBadge state={state} word={STATE_WORDS[state]} quiet />
      </td>
      <th scope="row" class="col-name">
        <a data-row class="row-link" href={entityHref(entity)}>
          <span class="name cut">{entity.name}</span>
          {scope !== '' && <span class="faint small cut">{scope}</span>}
        </a>
      </th>
      <td class="dim col-kind">{kindWord(entity.type)}</td>
      <td class="col-wrong">
        <span class="wrong-line">
          <CategoryMarks of={said} />
          <span class="sentence">{said[0]?.sentence ?? ''}</span>
        </span>
      </td>
      <td class="small dim col-hangs">
        {edges.slice(0, RELATIONS_MAX).map((edge) => (
          <span key={edge.key} class="hangs">
            {edge.types.map((type) => relationWord(type, 'from')).join(', ')}{' '}
            <strong>{names.get(edge.to)}</strong>
            {trafficText(edge) !== '' && ` (${trafficText(edge)})`}
          </span>
        ))}
        {edges.length > RELATIONS_MAX && (
          <span class="hangs">and {edges.length - RELATIONS_MAX} more</span>
        )}
      </td>
    </tr>
  );
}
