import type { Silence } from '../../api/alertmanager';
import { lasting, span } from '../../format/duration';
import { matchersText } from '../../format/matchers';
import { plural, whole } from '../../format/number';
import { parseTime, stamp, untilText } from '../../format/time';
import { Ago } from '../../parts/Ago';
import { StateBadge, severityState } from '../../parts/StateBadge';
import { hrefTo, param, setParams } from '../../state/url';
import { author } from '../../state/settings';
import { type Raised, sentenceOf } from './alertList';
import type { SilenceWish } from './SilenceDialog';
import { fromWire } from './silenceDraft';

const HOUR_MS = 3_600_000;

/** One silence; opened, its times and the alerts that it keeps quiet. */
export function SilenceRow({
  silence,
  quiet,
  nowMs,
  onEdit,
  onEnd,
}: {
  silence: Silence;
  quiet: Raised[];
  nowMs: number;
  onEdit: (wish: SilenceWish) => void;
  onEnd: () => void;
}) {
  const { id, status, matchers, createdBy, comment } = silence;
  const open = param('open') === id;
  const over = status.state === 'expired';
  const endMs = parseTime(silence.endsAt) ?? nowMs;
  const text = matchersText(matchers.map(fromWire));
  const edit = (until: string, from: string | null) =>
    onEdit({
      form: { id: from, matchers: text, until, author: author.peek() || createdBy, comment },
      labels: {},
    });
  return (
    <tbody class={status.state}>
      <tr class="row">
        <td class="col-state">
          <StateBadge
            state={status.state === 'active' ? 'good' : 'unknown'}
            hollow={status.state !== 'active'}
            quiet
            word={status.state}
          />
        </td>
        <th scope="row" class="col-name">
          <button
            type="button"
            data-row
            class="row-link"
            aria-expanded={open}
            onClick={() => setParams({ open: open ? null : id })}
          >
            <span class="name mono cut" title={text}>
              {text}
            </span>
            {status.state !== 'active' && <span class="tag">{status.state}</span>}
          </button>
        </th>
        <td class="num wide-only">{over ? '' : whole(quiet.length)}</td>
        <td class="col-summary">
          <span class="cut" title={`${comment} (${createdBy})`}>
            {comment} <span class="dim">{createdBy}</span>
          </span>
        </td>
        <td class="num-left col-until">
          <time dateTime={silence.endsAt} title={stamp(endMs)}>
            {untilText(endMs, nowMs)}
          </time>{' '}
          <span class="dim">
            {over ? `${lasting(nowMs - endMs)} ago` : `in ${span(endMs - nowMs)}`}
          </span>
        </td>
        <td class="col-acts">
          {over ? (
            <button type="button" class="text-button" onClick={() => edit('4h', null)}>
              Again
            </button>
          ) : (
            <>
              <button
                type="button"
                class="text-button"
                title="An hour longer"
                onClick={() => edit(stamp(endMs + HOUR_MS).slice(0, 19), id)}
              >
                + 1 h
              </button>
              <button
                type="button"
                class="text-button"
                onClick={() => edit(stamp(endMs).slice(0, 19), id)}
              >
                Edit
              </button>
              <button type="button" class="text-button" onClick={onEnd}>
                End now
              </button>
            </>
          )}
        </td>
      </tr>
      {open && (
        <tr class="detail-row">
          <td />
          <td colSpan={5}>
            <Opened silence={silence} quiet={quiet} />
          </td>
        </tr>
      )}
    </tbody>
  );
}

const SHOWN_MAX = 20;

function Opened({ silence, quiet }: { silence: Silence; quiet: Raised[] }) {
  const startMs = parseTime(silence.startsAt);
  const endMs = parseTime(silence.endsAt);
  return (
    <div class="detail">
      <dl class="facts">
        <dt>From</dt>
        <dd>
          {startMs === null ? '–' : stamp(startMs)}, <Ago ms={startMs} />
        </dd>
        <dt>Until</dt>
        <dd>
          {endMs === null ? '–' : stamp(endMs)}
          {startMs !== null && endMs !== null && `, for ${span(endMs - startMs)}`}
        </dd>
        <dt>Why</dt>
        <dd class="wrap">{silence.comment}</dd>
        <dt>Who</dt>
        <dd>{silence.createdBy}</dd>
        <dt>Quiet now</dt>
        <dd>
          {quiet.length === 0 ? (
            'No alert of now has these labels.'
          ) : (
            <ul class="active-alerts">
              {quiet.slice(0, SHOWN_MAX).map((one) => (
                <li key={one.id}>
                  <StateBadge
                    state={severityState(one.alert.labels.severity)}
                    hollow={one.doing !== 'firing'}
                    quiet
                  />
                  <a class="link" href={hrefTo('/alerts', { open: one.id })}>
                    {one.rule.name}
                  </a>
                  <span class="dim">{sentenceOf(one.alert)}</span>
                </li>
              ))}
            </ul>
          )}
          {quiet.length > SHOWN_MAX && (
            <p class="small dim">and {plural(quiet.length - SHOWN_MAX, 'other')}</p>
          )}
        </dd>
      </dl>
    </div>
  );
}
