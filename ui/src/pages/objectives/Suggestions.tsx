import { useSignal } from '@preact/signals';
import { ApiError } from '../../api/client';
import { fetchSuggestions, saveObjective, type Suggestion } from '../../api/objectives';
import { lasting } from '../../format/duration';
import { sentence } from '../../format/labels';
import { whole } from '../../format/number';
import { Loadable, SkeletonRows } from '../../parts/Loadable';
import { refreshNow } from '../../state/clock';
import { useQuery } from '../../state/useQuery';
import { share, targetText } from './words';

/** Objectives that history would have met: chosen, and made. */
export function Suggestions({ onMade }: { onMade: () => void }) {
  const { remote, again } = useQuery('suggestions', '', fetchSuggestions, { live: false });
  return (
    <section class="suggestions" aria-label="Suggestions">
      <Loadable
        remote={remote}
        again={again}
        what="suggestions"
        skeleton={<SkeletonRows rows={4} height={36} />}
      >
        {({ suggestions }) => (
          <Choice
            suggestions={suggestions.filter(({ exists }) => !exists)}
            onMade={() => {
              again();
              onMade();
              refreshNow();
            }}
          />
        )}
      </Loadable>
    </section>
  );
}

function Choice({ suggestions, onMade }: { suggestions: Suggestion[]; onMade: () => void }) {
  const chosen = useSignal<ReadonlySet<string>>(new Set());
  const failed = useSignal('');
  const busy = useSignal(false);
  if (suggestions.length === 0) {
    return (
      <p class="none">
        Nothing to suggest: every measured service has its objectives, or was measured too briefly.
      </p>
    );
  }
  const toggle = (id: string) => {
    const next = new Set(chosen.value);
    if (!next.delete(id)) next.add(id);
    chosen.value = next;
  };
  const make = async () => {
    busy.value = true;
    failed.value = '';
    const wanted = suggestions.filter(({ objective }) => chosen.peek().has(objective.id));
    for (const { objective } of wanted) {
      try {
        await saveObjective(objective, null);
        toggle(objective.id);
      } catch (error) {
        failed.value = error instanceof ApiError ? sentence(error.message) : String(error);
        break;
      }
    }
    busy.value = false;
    onMade();
  };
  const count = chosen.value.size;
  return (
    <>
      <div class="page-head">
        <h2>Suggestions</h2>
        <p class="dim small">Targets that the last days would have met, with something to spare.</p>
        <button
          type="button"
          class="button primary push"
          disabled={count === 0 || busy.value}
          onClick={() => void make()}
        >
          {count === 0
            ? 'Choose some'
            : count === 1
              ? 'Make 1 objective'
              : `Make ${count} objectives`}
        </button>
      </div>
      {failed.value !== '' && (
        <p class="wrong" role="alert">
          {failed.value}
        </p>
      )}
      <ul class="suggestion-list">
        {suggestions.map((suggestion) => (
          <Row
            key={suggestion.objective.id}
            suggestion={suggestion}
            chosen={chosen.value.has(suggestion.objective.id)}
            onToggle={toggle}
          />
        ))}
      </ul>
    </>
  );
}

function Row({
  suggestion: { objective, good_ratio, events, measured_seconds },
  chosen,
  onToggle,
}: {
  suggestion: Suggestion;
  chosen: boolean;
  onToggle: (id: string) => void;
}) {
  return (
    <li>
      <label class="suggestion">
        <input type="checkbox" checked={chosen} onChange={() => onToggle(objective.id)} />
        <span class="suggestion-title">{objective.title}</span>
        <span class="num suggestion-target">{targetText(objective.target)}</span>
        <span class="dim small suggestion-why">
          {share(good_ratio)} of {whole(events)} in {lasting(measured_seconds * 1000)}
        </span>
      </label>
    </li>
  );
}
