import { unlessAbsent } from '../../api/client';
import { type Change, fetchChanges } from '../../api/changes';
import type { IncidentDetail, TimelineEvent } from '../../api/incidents';
import { timeMs } from '../../api/times';
import { lasting } from '../../format/duration';
import { safeHref } from '../../format/labels';
import { clock } from '../../format/time';
import { useQuery } from '../../state/useQuery';
import { serverNow } from '../../state/clock';
import { hrefTo } from '../../state/url';

const BEFORE_S = 3_600;

export type Changed = { atMs: number; service: string; title: string; link: string | null };

/** Changes by API and those in the timeline, each once: newest first. */
export function changesOf(changes: Change[], timeline: TimelineEvent[]): Changed[] {
  const found = changes.map(({ time, service, title, version, link }) => ({
    atMs: timeMs(time) ?? 0,
    service,
    title: version != null && !title.includes(version) ? `${title} (${version})` : title,
    link: safeHref(link ?? ''),
  }));
  for (const { kind, category, time, entity, text } of timeline) {
    if (kind !== 'change' && category !== 'amend') continue;
    const atMs = timeMs(time) ?? 0;
    const service = entity?.name ?? '';
    const known = found.some((one) => one.service === service && Math.abs(one.atMs - atMs) < 1_000);
    if (!known) found.push({ atMs, service, title: text, link: null });
  }
  return found.filter(({ atMs }) => atMs > 0).sort((a, b) => b.atMs - a.atMs);
}

/** What was changed before it began and while it lasted. A hint, not a verdict. */
export function Changes({ incident }: { incident: IncidentDetail }) {
  const startMs = timeMs(incident.start) ?? serverNow();
  const start = Math.floor(startMs / 1000) - BEFORE_S;
  const end = Math.ceil((timeMs(incident.end) ?? serverNow()) / 1000);
  const { remote } = useQuery(`changes ${incident.id}`, '', (abort) =>
    unlessAbsent(fetchChanges({ start, end }, abort)),
  );
  const all = changesOf(remote.value.value?.changes ?? [], incident.timeline);
  return (
    <section class="incident-part" aria-label="What changed">
      <h2>What changed</h2>
      {remote.value.error !== undefined && (
        <p class="partial-note">What was told by API is missing: {remote.value.error.message}</p>
      )}
      {all.length === 0 ? (
        <p class="dim">
          Nothing that Pyrometer knows of, from an hour before. Versions are seen without help;{' '}
          <code>pyrometer deploy</code> in your pipeline tells it of the rest.
        </p>
      ) : (
        <ul class="changes">
          {all.map(({ atMs, service, title, link }) => (
            <li key={`${atMs} ${title}`}>
              <span class="num dim">{clock(atMs)}</span>
              <span class="num small dim">{relative(atMs, startMs)}</span>
              <a class="link" href={hrefTo(`/services/${encodeURIComponent(service)}`)}>
                {service}
              </a>
              <span>
                {link === null ? (
                  title
                ) : (
                  <a class="link" href={link} target="_blank" rel="noreferrer">
                    {title}
                  </a>
                )}
              </span>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

function relative(atMs: number, startMs: number): string {
  const apart = lasting(Math.abs(startMs - atMs));
  return atMs <= startMs ? `${apart} before it began` : `${apart} after it began`;
}
