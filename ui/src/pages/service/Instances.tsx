import type { Detection, Instance } from '../../api/service';
import { plural, whole } from '../../format/number';
import { Ago } from '../../parts/Ago';
import { type ShapeState, StateBadge } from '../../parts/StateBadge';
import { hrefTo } from '../../state/url';

const HEALTH: Record<Instance['health'], { state: ShapeState; word: string }> = {
  up: { state: 'good', word: 'Up' },
  down: { state: 'critical', word: 'Down' },
  unknown: { state: 'unknown', word: 'Not scraped yet' },
};

/** The processes of a service, and how they were recognised. */
export function Processes({
  instances,
  detections,
  job,
}: {
  instances: Instance[];
  detections: Detection[];
  job: string;
}) {
  return (
    <>
      <Instances instances={instances} job={job} />
      <Detections detections={detections} />
    </>
  );
}

function Instances({ instances, job }: { instances: Instance[]; job: string }) {
  return (
    <section class="instances">
      <h2>
        Instances
        <a class="link small" href={hrefTo('/targets')}>
          All targets
        </a>
      </h2>
      {instances.length === 0 ? (
        <p class="none">No process of {job} runs now. What is shown was stored while one did.</p>
      ) : (
        <div class="scroll-x">
          <table class="list">
            <thead>
              <tr>
                <th scope="col">
                  <span class="hidden">State</span>
                </th>
                <th scope="col">Instance</th>
                <th scope="col" class="num">
                  Last scrape
                </th>
                <th scope="col" class="num">
                  Samples
                </th>
                <th scope="col" class="col-trouble">
                  Error
                </th>
              </tr>
            </thead>
            <tbody>
              {instances.map((one) => (
                <InstanceRow key={one.instance} one={one} />
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}

function InstanceRow({ one }: { one: Instance }) {
  const { state, word } = HEALTH[one.health] ?? HEALTH.unknown;
  return (
    <tr class={`row ${state}`}>
      <td class="col-state">
        <StateBadge state={state} word={word} quiet />
      </td>
      <th scope="row" class="mono">
        {one.instance}
      </th>
      <td class="num">
        <Ago ms={one.last_scrape_ms} />
      </td>
      <td class="num wide-only">{one.samples === null ? '' : whole(one.samples)}</td>
      <td class="col-trouble">
        <span class="sentence">{one.last_error ?? ''}</span>
      </td>
    </tr>
  );
}

/** How Pyrometer knows what this service is. */
function Detections({ detections }: { detections: Detection[] }) {
  if (detections.length === 0) return null;
  return (
    <section class="detections">
      <h2>How this was recognised</h2>
      <ul>
        {detections.map(({ pack, title, why, variants, verified }) => (
          <li key={pack}>
            <strong>{title}</strong> <span class="dim">by</span> <code>{why}</code>
            {Object.keys(variants).length > 0 && (
              <span class="dim small">
                {' '}
                with{' '}
                {Object.entries(variants)
                  .map(([name, value]) => `${name.replaceAll('_', ' ')} ${value}`)
                  .join(', ')}
              </span>
            )}
            {verified === 'reference' && (
              <span class="dim small">
                {' '}
                (written from its documentation, not yet tried with the software itself)
              </span>
            )}
          </li>
        ))}
      </ul>
      <p class="faint small">
        {plural(detections.length, 'pack')} {detections.length === 1 ? 'brings' : 'bring'} the
        charts and rules of this page.
      </p>
    </section>
  );
}
