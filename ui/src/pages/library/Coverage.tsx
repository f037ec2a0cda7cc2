import type { Library, Pack, PackService } from '../../api/packs';
import { whole } from '../../format/number';
import { StateShape } from '../../parts/StateBadge';
import { hrefTo } from '../../state/url';
import { serviceStanding } from './standing';

// More rows than anybody compares; the filter narrows them.
const SERVICES_MAX = 200;

/** Services by packs: where which knowledge is at work, and where it cannot judge. */
export function Coverage({ packs, library }: { packs: Pack[]; library: Library }) {
  const shown = library.services.slice(0, SERVICES_MAX);
  return (
    <section>
      <h2>
        Coverage <span class="faint small">alerts that can judge, of all of the pack</span>
      </h2>
      <div class="scroll-x">
        <table class="coverage">
          <thead>
            <tr>
              <th scope="col">Service</th>
              {packs.map(({ id, title }) => (
                <th key={id} scope="col">
                  <a class="link" href={hrefTo(`/library/${encodeURIComponent(id)}`)}>
                    {title}
                  </a>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {shown.map((service) => (
              <tr key={service}>
                <th scope="row">
                  <a class="link" href={hrefTo(`/services/${encodeURIComponent(service)}`)}>
                    {service}
                  </a>
                </th>
                {packs.map((pack) => (
                  <td key={pack.id}>
                    <Cell
                      pack={pack}
                      found={pack.services.find((one) => one.service === service)}
                      judged={library.judged}
                    />
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {library.services.length > shown.length && (
        <p class="none">
          The first {shown.length} of {whole(library.services.length)} services.
        </p>
      )}
    </section>
  );
}

function Cell({
  pack,
  found,
  judged,
}: {
  pack: Pack;
  found: PackService | undefined;
  judged: boolean;
}) {
  if (found === undefined) return <span class="faint">–</span>;
  const { state, hollow, word } = serviceStanding(found, judged);
  const total = found.armed + found.needs_data + found.not_evaluable + found.off;
  return (
    <a
      class={`coverage-cell ${state}`}
      href={hrefTo(`/library/${encodeURIComponent(pack.id)}`, { service: found.service })}
      title={`${found.service}, ${pack.title}: ${word}`}
    >
      <StateShape state={state} hollow={hollow} />
      <span class="num">{found.armed === total ? total : `${found.armed} of ${total}`}</span>
      <span class="hidden">{word}</span>
    </a>
  );
}
