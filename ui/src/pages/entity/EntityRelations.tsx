import type { EntityDetail } from '../../api/entity';
import type { EntityRef, EntityState, Relation } from '../../api/graph';
import { entityHref, kindWord, relationWord } from '../../diagnosis/entity';
import { trafficOf } from '../../diagnosis/picture';
import { plural } from '../../format/number';
import { speakText } from '../../format/units';
import { Paged } from '../../parts/Paged';
import { StateBadge } from '../../parts/StateBadge';

/** An entity's id read back, for its name and the way to it; null if it is none. */
export function refOf(id: string): EntityRef | null {
  // A route's name may end in braces, too: `/items/{id}` has no scope.
  const found = /^([^/]+)\/(.+?)(\{(?:\w+="(?:[^"\\]|\\.)*",?)+\})?$/s.exec(id);
  if (found === null) return null;
  const [, type = '', name = '', labels = ''] = found;
  const scope: Record<string, string> = {};
  for (const [, label = '', value = '""'] of labels.matchAll(/(\w+)=("(?:[^"\\]|\\.)*")/g)) {
    try {
      scope[label] = String(JSON.parse(value));
    } catch {
      return null;
    }
  }
  return { type, name, scope };
}

type Line = {
  relation: Relation;
  end: 'from' | 'to';
  other: EntityRef;
  state: EntityState;
};

/** What it hangs on and what hangs on it, the busiest first, with what flows between. */
export function EntityRelations({ detail }: { detail: EntityDetail }) {
  const { entity, relations, neighbours } = detail;
  const byId = new Map(neighbours.map((one) => [one.id, one]));
  const lines: Line[] = relations.flatMap((relation) => {
    const end: 'from' | 'to' = relation.from === entity.id ? 'from' : 'to';
    const id = end === 'from' ? relation.to : relation.from;
    const known = byId.get(id);
    const other = known ?? refOf(id);
    return other === null ? [] : [{ relation, end, other, state: known?.state ?? 'unknown' }];
  });
  lines.sort(
    (a, b) =>
      (a.end < b.end ? -1 : a.end > b.end ? 1 : 0) ||
      (b.relation.rate ?? -1) - (a.relation.rate ?? -1),
  );
  return (
    <section class="entity-part" aria-label="Connected">
      <h2>
        Connected <span class="faint small">{plural(lines.length, 'relation')}</span>
      </h2>
      {lines.length === 0 ? (
        <p class="none">
          Nothing that Pyrometer knows of. Calls to others are seen where the Python package
          measures them.
        </p>
      ) : (
        <div class="scroll-x">
          <Table lines={lines} />
        </div>
      )}
    </section>
  );
}

function Table({ lines }: { lines: Line[] }) {
  return (
    <table class="list relations">
      <thead>
        <tr>
          <th scope="col">How</th>
          <th scope="col">Entity</th>
          <th scope="col">Kind</th>
          <th scope="col" class="num">
            Rate
          </th>
          <th scope="col" class="num">
            Errors
          </th>
          <th scope="col" class="num">
            Duration
          </th>
        </tr>
      </thead>
      <Paged items={lines}>
        {(page, more) => (
          <>
            <tbody>
              {page.map(({ relation, end, other, state }) => {
                const { rate, errorRatio, latency } = trafficOf([relation]);
                const said = (value: number | null, unit: string) =>
                  value === null ? '' : speakText(value, unit);
                return (
                  <tr key={`${relation.type} ${relation.from} ${relation.to}`} class="row">
                    <td class="dim">{relationWord(relation.type, end)}</td>
                    <th scope="row" class="col-name">
                      <a data-row class="row-link" href={entityHref(other)}>
                        <StateBadge state={state} quiet />
                        <span class="name cut">{other.name}</span>
                      </a>
                    </th>
                    <td class="dim">{kindWord(other.type)}</td>
                    <td class="num">{said(rate, 'reqps')}</td>
                    <td class="num">{said(errorRatio, 'percentunit')}</td>
                    <td class="num">{said(latency, 's')}</td>
                  </tr>
                );
              })}
            </tbody>
            {more !== null && <caption>{more}</caption>}
          </>
        )}
      </Paged>
    </table>
  );
}
