import type { EntityDetail } from '../../api/entity';
import { entriesOf } from '../../format/labels';
import { hrefTo } from '../../state/url';

/** What is known of it besides numbers: properties, dashboards, and which rules made it. */
export function EntityFacts({ detail }: { detail: EntityDetail }) {
  const { entity, dashboards, why } = detail;
  const facts = [...entriesOf(entity.scope), ...entriesOf(entity.properties)];
  return (
    <div class="entity-columns">
      {facts.length > 0 && (
        <section class="entity-part" aria-label="Properties">
          <h2>Properties</h2>
          <dl class="facts">
            {facts.map(([name, value]) => (
              <div key={name}>
                <dt>{name.replaceAll('_', ' ')}</dt>
                <dd>{value}</dd>
              </div>
            ))}
          </dl>
        </section>
      )}
      {dashboards.length > 0 && (
        <section class="entity-part" aria-label="Dashboards">
          <h2>Dashboards</h2>
          <ul>
            {dashboards.map(({ id, title, job }) => (
              <li key={id}>
                <a class="link" href={hrefTo(`/dashboards/${id}`, { service: job })}>
                  {title}
                </a>
              </li>
            ))}
          </ul>
        </section>
      )}
      <section class="entity-part" aria-label="Why it is here">
        <h2>Why it is here</h2>
        {why.length === 0 ? (
          <p class="none">The server does not say.</p>
        ) : (
          <ul class="why">
            {why.map(({ rule, series }) => (
              <li key={`${rule} ${series}`}>
                {rule} <span class="dim">found</span> <code>{series}</code>
              </li>
            ))}
          </ul>
        )}
      </section>
    </div>
  );
}
