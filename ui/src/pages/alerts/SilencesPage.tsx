import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { expireSilence, fetchSilences, type Silence } from '../../api/alertmanager';
import { ApiError, type Answer } from '../../api/client';
import { notifies } from '../../api/notifications';
import { sentence } from '../../format/labels';
import { matchAll, matchersText } from '../../format/matchers';
import { plural, whole } from '../../format/number';
import { Loadable, SkeletonRows } from '../../parts/Loadable';
import { Paged } from '../../parts/Paged';
import { now } from '../../state/clock';
import { param, setParams } from '../../state/url';
import { useQuery } from '../../state/useQuery';
import { AlertTabs } from './AlertTabs';
import { labelsOf, mentions, type Raised } from './alertList';
import { fetchRaised } from './fetchRaised';
import { NoNotifier } from './NoNotifier';
import { emptyWish, SilenceDialog, type SilenceWish } from './SilenceDialog';
import { SilenceRow } from './SilenceRow';
import { fromWire, ordered, type SilenceState } from './silenceDraft';
import './alerts.css';

type Everything = { silences: Silence[] | null; raised: Raised[] };

/** What is kept quiet, until when, by whom and why. */
export function SilencesPage() {
  useEffect(() => {
    document.title = 'Silences · Pyrometer';
  }, []);
  const { remote, again } = useQuery('silences', '', fetchEverything);
  return (
    <section>
      <AlertTabs />
      <Loadable
        remote={remote}
        again={again}
        what="the silences"
        skeleton={<SkeletonRows rows={8} height={36} />}
      >
        {({ silences, raised }) =>
          silences === null ? (
            <NoNotifier />
          ) : (
            <Silences silences={silences} raised={raised} again={again} />
          )
        }
      </Loadable>
    </section>
  );
}

async function fetchEverything(abort?: AbortSignal): Promise<Answer<Everything>> {
  if (!(await notifies())) return { data: { silences: null, raised: [] }, notes: [] };
  const [silences, raised] = await Promise.all([fetchSilences(abort), fetchRaised(abort)]);
  return {
    data: { silences: silences.data, raised: raised.data.raised },
    notes: [...silences.notes, ...raised.notes],
  };
}

const STATES: SilenceState[] = ['active', 'pending', 'expired'];

function Silences({
  silences,
  raised,
  again,
}: {
  silences: Silence[];
  raised: Raised[];
  again: () => void;
}) {
  const wish = useSignal<SilenceWish | null>(null);
  const failed = useSignal('');
  const chosen = param('state');
  const text = param('filter');
  const open = param('open');
  // What is over matters only to who asks for it, or follows a link to it.
  const shown = ordered(silences).filter(
    (one) =>
      (chosen === ''
        ? one.status.state !== 'expired' || one.id === open
        : one.status.state === chosen) &&
      mentions(text, matchersText(one.matchers.map(fromWire)), {
        author: one.createdBy,
        comment: one.comment,
      }),
  );
  const end = async (id: string) => {
    failed.value = '';
    try {
      await expireSilence(id);
    } catch (error) {
      failed.value = error instanceof ApiError ? sentence(error.message) : String(error);
    }
    again();
  };
  return (
    <>
      <div class="page-head">
        <div class="filters">
          {STATES.map((state) => (
            <button
              key={state}
              type="button"
              class="filter"
              aria-pressed={chosen === state}
              onClick={() => setParams({ state: chosen === state ? null : state })}
            >
              <span class="num">
                {whole(silences.filter(({ status }) => status.state === state).length)}
              </span>{' '}
              {state}
            </button>
          ))}
          <input
            class="field filter-field"
            type="search"
            aria-label="Filter silences"
            placeholder="Filter by label, who, why"
            value={text}
            onInput={(event) => setParams({ filter: event.currentTarget.value })}
          />
          <button
            type="button"
            class="button primary"
            data-silence
            onClick={() => {
              wish.value = emptyWish();
            }}
          >
            New silence
          </button>
        </div>
      </div>
      {failed.value !== '' && (
        <p class="wrong" role="alert">
          {failed.value}
        </p>
      )}
      {shown.length === 0 ? (
        <NoneShown total={silences.length} asked={chosen !== '' || text !== ''} />
      ) : (
        <div class="scroll-x">
          <table class="list alerts silences">
            <thead>
              <tr>
                <th scope="col">
                  <span class="hidden">State</span>
                </th>
                <th scope="col">Alerts with</th>
                <th scope="col" class="num">
                  Quiet now
                </th>
                <th scope="col">Why, and who</th>
                <th scope="col">Until</th>
                <th scope="col">
                  <span class="hidden">Change</span>
                </th>
              </tr>
            </thead>
            <Paged
              items={shown}
              atLeast={open === '' ? 0 : shown.findIndex(({ id }) => id === open) + 1}
            >
              {(page, more) => (
                <>
                  {page.map((one) => (
                    <SilenceRow
                      key={one.id}
                      silence={one}
                      quiet={quietBy(one, raised)}
                      nowMs={now.value}
                      onEdit={(next) => {
                        wish.value = next;
                      }}
                      onEnd={() => void end(one.id)}
                    />
                  ))}
                  {more !== null && <caption>{more}</caption>}
                </>
              )}
            </Paged>
          </table>
        </div>
      )}
      {wish.value !== null && (
        <SilenceDialog
          wish={wish.value}
          raised={raised}
          onDone={(saved) => {
            wish.value = null;
            if (saved) again();
          }}
        />
      )}
    </>
  );
}

/** The alerts of now that a silence fits. */
function quietBy({ matchers }: Silence, raised: Raised[]): Raised[] {
  const read = matchers.map(fromWire);
  return raised.filter((one) => matchAll(read, labelsOf(one)));
}

function NoneShown({ total, asked }: { total: number; asked: boolean }) {
  if (asked) {
    return (
      <p class="none">
        None of the {plural(total, 'silence')} fits what is asked for.{' '}
        <button
          type="button"
          class="text-button"
          onClick={() => setParams({ filter: null, state: null })}
        >
          Show all
        </button>
      </p>
    );
  }
  return (
    <div class="empty">
      <h2>Nothing is silenced</h2>
      <p class="dim">
        A silence keeps alerts with certain labels quiet until a time: they still show, and nobody
        is told. Make one from any alert with <kbd>s</kbd>, or here from labels.
      </p>
    </div>
  );
}
