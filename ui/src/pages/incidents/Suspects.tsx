import { useSignal } from '@preact/signals';
import type { Evidence, IncidentDetail, Suspect } from '../../api/incidents';
import { timeMs } from '../../api/times';
import { entityId, graphHref } from '../../diagnosis/entity';
import { because, sharesOf } from '../../diagnosis/incident';
import { digits } from '../../format/number';
import { clock } from '../../format/time';
import { ProofChart } from '../../panels/lazyProof';
import { EntityLink } from '../../parts/EntityLink';

const SHOWN = 3;
// The charts of so many facts are seen without scrolling past the next suspect.
const CHARTS_MAX = 3;

/** Why: who is suspected, best first, each with the sum of its reasons and their proof. */
export function Suspects({ incident }: { incident: IncidentDetail }) {
  const all = useSignal(false);
  const { suspects } = incident;
  if (suspects.length === 0) {
    return (
      <section class="incident-part">
        <h2>Why</h2>
        <p class="none">
          Nobody is suspected yet: what was asserted so far does not tell one from another.
        </p>
      </section>
    );
  }
  const highest = Math.max(...suspects.map(({ score }) => score));
  const shown = all.value ? suspects : suspects.slice(0, SHOWN);
  return (
    <section class="incident-part" aria-label="Why">
      <h2>
        Why
        <span class="faint small">the score is the sum of the reasons below it, nothing else</span>
      </h2>
      <ol class="suspects">
        {shown.map((suspect, i) => (
          <SuspectCard
            key={entityId(suspect.entity)}
            suspect={suspect}
            rank={i + 1}
            highest={highest}
            incident={incident}
          />
        ))}
      </ol>
      {suspects.length > shown.length && (
        <p>
          <button
            type="button"
            class="text-button"
            onClick={() => {
              all.value = true;
            }}
          >
            Show {suspects.length - shown.length} more, less likely
          </button>
        </p>
      )}
    </section>
  );
}

function SuspectCard({
  suspect,
  rank,
  highest,
  incident,
}: {
  suspect: Suspect;
  rank: number;
  highest: number;
  incident: IncidentDetail;
}) {
  // The first one is what the reader came for; the others open on demand.
  const open = useSignal(rank === 1);
  const { entity, score, evidence } = suspect;
  return (
    <li class="suspect">
      <div class="suspect-head">
        <span class="suspect-rank" aria-hidden="true">
          {rank}
        </span>
        <div class="suspect-name">
          <EntityLink entity={entity} />
          <p class="suspect-because">{because(suspect)}</p>
        </div>
        <Score suspect={suspect} highest={highest} />
        <button
          type="button"
          class="text-button suspect-more"
          aria-expanded={open.value}
          onClick={() => {
            open.value = !open.value;
          }}
        >
          {open.value ? 'Less' : 'Reasons and proof'}
        </button>
      </div>
      {open.value && (
        <div class="suspect-body">
          <Terms suspect={suspect} score={score} />
          <div class="proofs">
            {evidence.slice(0, CHARTS_MAX).map((one) => (
              <Proven key={`${one.kpi} ${one.sentence}`} evidence={one} incident={incident} />
            ))}
            <p class="small">
              <a class="link" href={graphHref(entity)}>
                {entity.name} in the graph
              </a>
            </p>
          </div>
        </div>
      )}
    </li>
  );
}

/** The score as a bar of its terms, drawn to the scale of the highest. */
function Score({ suspect, highest }: { suspect: Suspect; highest: number }) {
  const shares = sharesOf(suspect, highest);
  const said = shares.map(({ name, value }) => `${name} ${digits(value)}`).join(', ');
  return (
    <div class="score" role="img" aria-label={`Score ${digits(suspect.score)}: ${said}`}>
      <strong class="num">{digits(suspect.score)}</strong>
      <span class="score-bar">
        {shares.map(({ name, sentence, share }, i) => (
          <span
            key={name}
            class="score-term"
            title={`${name}: ${sentence}`}
            style={{ width: `${share * 100}%`, background: `var(--series-${i % 8})` }}
          />
        ))}
      </span>
    </div>
  );
}

function Terms({ suspect, score }: { suspect: Suspect; score: number }) {
  return (
    <table class="terms">
      <tbody>
        {suspect.terms.map(({ name, value, sentence }, i) => (
          <tr key={name}>
            <td>
              <span class="swatch" style={{ background: `var(--series-${i % 8})` }} />
            </td>
            <th scope="row">{name.replaceAll('_', ' ')}</th>
            <td class="terms-why">{sentence}</td>
            <td class="num">{digits(value)}</td>
          </tr>
        ))}
      </tbody>
      <tfoot>
        <tr>
          <td />
          <th scope="row">score</th>
          <td />
          <td class="num">
            <strong>{digits(score)}</strong>
          </td>
        </tr>
      </tfoot>
    </table>
  );
}

function Proven({ evidence, incident }: { evidence: Evidence; incident: IncidentDetail }) {
  const { sentence, query, unit, onset, usual } = evidence;
  const onsetMs = timeMs(onset);
  return (
    <div class="proven">
      <h3>{sentence}</h3>
      {query != null && query !== '' ? (
        <ProofChart
          proof={{
            title: sentence,
            query,
            unit: unit ?? 'short',
            onsetMs,
            endMs: timeMs(incident.end),
            usual: usual ?? null,
            limit: null,
            severity: incident.severity,
          }}
        />
      ) : (
        <p class="small dim">
          {onsetMs === null ? 'There is no number to draw.' : `Since ${clock(onsetMs)}.`}
        </p>
      )}
    </div>
  );
}
