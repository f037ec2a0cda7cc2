import { entityHref, kindWord, scopeWords } from '../../diagnosis/entity';
import { topOf } from '../../diagnosis/insights';
import type { Lane } from '../../diagnosis/lanes';
import { digits } from '../../format/number';
import { CategoryMark } from '../../parts/CategoryMark';
import { Paged } from '../../parts/Paged';

/** Entities by weight: how bad, how long, of what sort, and the worst of it in a sentence. */
export function TopTable({ lanes }: { lanes: Lane[] }) {
  const rows = topOf(lanes);
  const most = Math.max(...rows.map(({ lane }) => lane.weight));
  return (
    <table class="list top-table">
      <thead>
        <tr>
          <th scope="col">Entity</th>
          <th scope="col" class="col-weight" title="Category and severity by how long it lasted">
            Weight
          </th>
          <th scope="col" class="col-counts">
            Of what sort
          </th>
          <th scope="col">The worst of it</th>
        </tr>
      </thead>
      <Paged items={rows}>
        {(page, more) => (
          <>
            <tbody>
              {page.map(({ lane, counts, heaviest }) => (
                <tr key={lane.id} class="row">
                  <th scope="row" class="col-name">
                    <a data-row class="row-link" href={entityHref(lane.entity)}>
                      <span class="name cut">{lane.entity.name}</span>
                      <span class="faint small cut">
                        {kindWord(lane.entity.type)} {scopeWords(lane.entity)}
                      </span>
                    </a>
                  </th>
                  <td class="col-weight">
                    <span class="weight">
                      <span class="num">{digits(lane.weight)}</span>
                      <span class="weight-bar">
                        <span style={{ width: `${(lane.weight / most) * 100}%` }} />
                      </span>
                    </span>
                  </td>
                  <td class="col-counts">
                    <span class="counts">
                      {counts.map(([category, count]) => (
                        <span key={category}>
                          <CategoryMark category={category} />
                          {count > 1 && <span class="num small"> ×{count}</span>}
                        </span>
                      ))}
                    </span>
                  </td>
                  <td class="col-worst">
                    <span class="sentence">{heaviest.sentence}</span>
                  </td>
                </tr>
              ))}
            </tbody>
            {more !== null && <caption>{more}</caption>}
          </>
        )}
      </Paged>
    </table>
  );
}
