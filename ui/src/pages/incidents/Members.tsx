import type { Assertion } from '../../api/assertions';
import type { IncidentDetail } from '../../api/incidents';
import { timeMs } from '../../api/times';
import { weightOf } from '../../diagnosis/category';
import { entityHref, entityId, kindWord, scopeWords } from '../../diagnosis/entity';
import { onsetsOf } from '../../diagnosis/propagation';
import { plural } from '../../format/number';
import { clock } from '../../format/time';
import { CategoryMarks } from '../../parts/CategoryMark';
import { Paged } from '../../parts/Paged';
import { StateBadge } from '../../parts/StateBadge';

/** Everything that is a part of it, earliest first. */
export function Members({
  incident,
  assertions,
}: {
  incident: IncidentDetail;
  assertions: Assertion[];
}) {
  const onsets = onsetsOf(incident);
  const states = new Map(incident.graph.entities.map(({ id, state }) => [id, state]));
  const rows = incident.members
    .map((entity) => {
      const id = entityId(entity);
      const said = assertions
        .filter((one) => entityId(one.entity) === id)
        .sort((a, b) => weightOf(b) - weightOf(a));
      const first = Math.min(...said.map(({ since }) => timeMs(since) ?? Infinity));
      const onsetMs = onsets.get(id) ?? (Number.isFinite(first) ? first : null);
      return { id, entity, said, onsetMs, state: states.get(id) ?? ('unknown' as const) };
    })
    .sort((a, b) => (a.onsetMs ?? Infinity) - (b.onsetMs ?? Infinity));
  return (
    <section class="incident-part" aria-label="Members">
      <h2>
        Members <span class="faint small">{plural(rows.length, 'entity', 'entities')}</span>
      </h2>
      <table class="list members">
        <thead>
          <tr>
            <th scope="col">
              <span class="hidden">State</span>
            </th>
            <th scope="col">Entity</th>
            <th scope="col">Kind</th>
            <th scope="col" class="num">
              Turned at
            </th>
            <th scope="col">What is asserted</th>
          </tr>
        </thead>
        <Paged items={rows}>
          {(page, more) => (
            <>
              <tbody>
                {page.map(({ id, entity, said, onsetMs, state }) => (
                  <tr key={id} class={`row ${state}`}>
                    <td class="col-state">
                      <StateBadge state={state} quiet />
                    </td>
                    <th scope="row" class="col-name">
                      <a data-row class="row-link" href={entityHref(entity)}>
                        <span class="name cut">{entity.name}</span>
                        <span class="faint small cut">{scopeWords(entity)}</span>
                      </a>
                    </th>
                    <td class="dim">{kindWord(entity.type)}</td>
                    <td class="num dim">{onsetMs === null ? '' : clock(onsetMs)}</td>
                    <td class="col-said">
                      <span class="wrong-line">
                        <CategoryMarks of={said} />
                        <span class="sentence">{said[0]?.sentence ?? ''}</span>
                      </span>
                    </td>
                  </tr>
                ))}
              </tbody>
              {more !== null && <caption>{more}</caption>}
            </>
          )}
        </Paged>
      </table>
    </section>
  );
}
