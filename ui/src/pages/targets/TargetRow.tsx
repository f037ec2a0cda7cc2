import { Fragment } from 'preact';
import type { Target } from '../../api/targets';
import { speakSeconds } from '../../format/duration';
import { labelsId, safeHref } from '../../format/labels';
import { plural, whole } from '../../format/number';
import { parseTime } from '../../format/time';
import { Ago } from '../../parts/Ago';
import { LabelChips } from '../../parts/LabelChips';
import { type ShapeState, StateBadge } from '../../parts/StateBadge';
import { param, setParams } from '../../state/url';

export function targetState(target: Target): ShapeState {
  switch (target.health) {
    case 'down':
      return 'critical';
    case 'up':
      return target.limited !== undefined || (target.rejectedTotal ?? 0) > 0 ? 'warning' : 'good';
    default:
      return 'unknown';
  }
}

const WORDS: Record<ShapeState, string> = {
  good: 'Up',
  warning: 'Up, with trouble',
  critical: 'Down',
  unknown: 'Not scraped yet',
};

const KINDS: Record<string, string> = {
  announced: 'found on this machine',
  static: 'from the configuration',
  file: 'from a target file',
};

/** Where the target comes from, and how many processes stand behind it. */
function origin({ kind, processes }: Target): string {
  const from = KINDS[kind ?? ''] ?? '';
  return processes === undefined ? from : `${from}, ${plural(processes, 'process', 'processes')}`;
}

export function TargetRow({ target }: { target: Target }) {
  const id = labelsId(target.labels);
  const open = param('open') === id;
  const state = targetState(target);
  const scraped = parseTime(target.lastScrape);
  const { number, unit } = speakSeconds(target.lastScrapeDuration);
  return (
    <Fragment>
      <tr class={`row ${state}`}>
        <td class="col-state">
          <StateBadge state={state} word={WORDS[state]} quiet />
        </td>
        <th scope="row" class="col-name">
          <button
            type="button"
            data-row
            class="row-link"
            aria-expanded={open}
            onClick={() => setParams({ open: open ? null : id })}
          >
            <span class="name cut">{target.labels.instance ?? target.scrapeUrl}</span>
            <span class="faint small cut">{origin(target)}</span>
          </button>
        </th>
        <td class="num">
          <Ago ms={scraped} />
        </td>
        <td class="num wide-only">{scraped === null ? '' : `${number}\u00a0${unit}`}</td>
        <td class="num wide-only">
          {target.lastSamples === undefined ? '' : whole(target.lastSamples)}
        </td>
        <td class="col-trouble">
          <span class="sentence" title={trouble(target)}>
            {trouble(target)}
          </span>
        </td>
      </tr>
      {open && (
        <tr class="detail-row">
          <td />
          <td colSpan={5}>
            <TargetDetail target={target} />
          </td>
        </tr>
      )}
    </Fragment>
  );
}

/** What is wrong in one line: the error, the limit that cut it, how many lines were not read. */
function trouble(target: Target): string {
  const rejected = target.rejectedTotal ?? 0;
  return [
    target.lastError,
    target.limited !== undefined && !target.lastError.includes(target.limited)
      ? `cut at ${target.limited}`
      : '',
    rejected > 0 ? `${plural(rejected, 'line')} rejected` : '',
  ]
    .filter((part) => part !== '')
    .join('; ');
}

function TargetDetail({ target }: { target: Target }) {
  const rejected = target.rejected ?? [];
  const href = safeHref(target.scrapeUrl);
  return (
    <div class="detail">
      <dl class="facts">
        <dt>Address</dt>
        <dd class="mono">
          {href === null ? (
            target.scrapeUrl
          ) : (
            <a class="link" href={href} target="_blank" rel="noopener noreferrer">
              {target.scrapeUrl}
            </a>
          )}
        </dd>
        {target.scrapeInterval !== undefined && (
          <>
            <dt>Scraped every</dt>
            <dd>
              {target.scrapeInterval}
              {target.scrapeTimeout !== undefined && `, given up after ${target.scrapeTimeout}`}
            </dd>
          </>
        )}
        {target.lastError !== '' && (
          <>
            <dt>Error</dt>
            <dd class="critical-text">{target.lastError}</dd>
          </>
        )}
        {target.limited !== undefined && (
          <>
            <dt>Limit</dt>
            <dd>{target.limited}</dd>
          </>
        )}
        <dt>Labels</dt>
        <dd>
          <LabelChips labels={target.labels} />
        </dd>
        <dt>As discovered</dt>
        <dd>
          <LabelChips labels={target.discoveredLabels} />
        </dd>
      </dl>
      {rejected.length > 0 && (
        <>
          <h2>
            {plural(target.rejectedTotal ?? rejected.length, 'rejected line')} in the last scrape
            {(target.rejectedTotal ?? 0) > rejected.length && `, the first ${rejected.length}`}
          </h2>
          <table class="rejected">
            <tbody>
              {rejected.map(({ line, text, reason }) => (
                <tr key={`${line} ${text}`}>
                  <td class="num faint">{line === 0 ? 'memory' : `line ${whole(line)}`}</td>
                  <td>
                    <code>{text}</code>
                    <p class="critical-text small">{reason}</p>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </>
      )}
    </div>
  );
}
