import { fetchSent, type Sent } from '../../api/notifications';
import { whole } from '../../format/number';
import { parseTime } from '../../format/time';
import { Ago } from '../../parts/Ago';
import { Loadable, SkeletonRows } from '../../parts/Loadable';
import { type ShapeState, StateBadge, severityState } from '../../parts/StateBadge';
import { param, setParams } from '../../state/url';
import { useQuery } from '../../state/useQuery';

const PAGE = 50;

/** What was sent when to whom and why, newest first. */
export function SentTable({ receivers }: { receivers: string[] }) {
  const receiver = param('receiver');
  const before = param('before');
  const { remote, again } = useQuery(`${receiver} ${before}`, '', (abort) =>
    fetchSent(
      {
        limit: PAGE,
        ...(receiver !== '' && { receiver }),
        ...(/^\d+$/.test(before) && { before: Number(before) }),
      },
      abort,
    ),
  );
  return (
    <section>
      <div class="page-head">
        <h2>Messages</h2>
        <label class="grouping">
          <span class="dim">to</span>
          <select
            class="button"
            value={receiver}
            onChange={(event) => setParams({ receiver: event.currentTarget.value, before: null })}
          >
            <option value="">everybody</option>
            {receivers.map((name) => (
              <option key={name} value={name}>
                {name}
              </option>
            ))}
          </select>
        </label>
        {before !== '' && (
          <button type="button" class="text-button" onClick={() => setParams({ before: null })}>
            Newest
          </button>
        )}
      </div>
      <Loadable
        remote={remote}
        again={again}
        what="the messages"
        skeleton={<SkeletonRows rows={6} height={32} />}
      >
        {({ notifications, next }) =>
          notifications.length === 0 ? (
            <p class="none">
              {receiver === '' ? 'Nothing was sent yet.' : `Nothing was sent to ${receiver} yet.`}
            </p>
          ) : (
            <>
              <Table sent={notifications} />
              {next !== null && (
                <p class="none">
                  <button
                    type="button"
                    class="text-button"
                    onClick={() => setParams({ before: String(next) }, 'push')}
                  >
                    Older ones
                  </button>
                </p>
              )}
            </>
          )
        }
      </Loadable>
    </section>
  );
}

function Table({ sent }: { sent: Sent[] }) {
  return (
    <div class="scroll-x">
      <table class="list alerts sent">
        <thead>
          <tr>
            <th scope="col">
              <span class="hidden">State</span>
            </th>
            <th scope="col">Message</th>
            <th scope="col">To</th>
            <th scope="col" class="col-summary">
              Answer
            </th>
            <th scope="col">Because</th>
            <th scope="col" class="num">
              When
            </th>
          </tr>
        </thead>
        <tbody>
          {sent.map((one) => (
            <SentRow key={one.id} sent={one} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

const STATES: Record<Sent['state'], { state: ShapeState; word: string }> = {
  sent: { state: 'good', word: 'Arrived' },
  failed: { state: 'critical', word: 'Given up' },
  waiting: { state: 'warning', word: 'Waits' },
  sending: { state: 'warning', word: 'On its way' },
};

const REASONS: Record<string, string> = {
  new: 'new',
  changed: 'changed',
  resolved: 'over',
  missed: 'missed before',
  repeat: 'goes on',
  test: 'test',
};

function SentRow({ sent }: { sent: Sent }) {
  const { state, word } = STATES[sent.state];
  const tries = sent.attempts > 1 ? `, ${whole(sent.attempts)} tries` : '';
  const answer = [sent.answer, sent.sentWith !== null ? `with message ${sent.sentWith}` : null]
    .filter((part) => part !== null)
    .join(', ');
  return (
    <tr class={`row ${severityState(sent.severity)}`}>
      <td class="col-state">
        <StateBadge state={state} hollow={state === 'warning'} quiet word={word} />
      </td>
      <th scope="row" class="col-name">
        <span class="name cut" title={sent.title}>
          {sent.title}
        </span>
      </th>
      <td class="col-service">
        <span class="cut" title={sent.integration}>
          {sent.receiver ?? sent.integration}
        </span>
      </td>
      <td class="col-summary">
        <span class={`cut ${sent.state === 'failed' ? 'critical-text' : 'dim'}`} title={answer}>
          {word}
          {tries}
          {answer !== '' && `: ${answer}`}
        </span>
      </td>
      <td class="wide-only">{REASONS[sent.reason] ?? sent.reason}</td>
      <td class="num dim col-since">
        <Ago ms={parseTime(sent.finishedAt ?? sent.createdAt)} />
      </td>
    </tr>
  );
}
