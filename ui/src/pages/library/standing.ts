import type { Pack, PackAlert, PackAlertService, PackService } from '../../api/packs';
import { plural, whole } from '../../format/number';
import { untilText } from '../../format/time';
import { serverNow } from '../../state/clock';
import { type ShapeState, severityState } from '../../parts/StateBadge';

/** A state as shape and words; `hollow` says that nothing can be judged. */
export type Said = { state: ShapeState; hollow: boolean; word: string };

/** How all alerts of a pack stand for one service. Green only when all of them can judge. */
export function serviceStanding(service: PackService, judged = true): Said {
  const { armed, needs_data, not_evaluable, off, firing, pending, severity } = service;
  if (!judged) return { state: 'unknown', hollow: true, word: 'Not judged' };
  const total = armed + needs_data + not_evaluable + off;
  if (total === 0) return { state: 'unknown', hollow: true, word: 'No alerts' };
  const waits = [
    ...(needs_data > 0 ? [`${whole(needs_data)} need data`] : []),
    ...(not_evaluable > 0 ? [`${whole(not_evaluable)} not evaluable`] : []),
    ...(off > 0 ? [`${whole(off)} switched off`] : []),
  ];
  const word = [armed > 0 ? `${whole(armed)} armed` : 'None armed', ...waits].join(', ');
  const state = severityState(severity ?? undefined);
  if (firing > 0) return { state, hollow: false, word: `${firing} firing, ${word}` };
  if (pending > 0) return { state, hollow: true, word: `${pending} pending, ${word}` };
  if (armed === 0) return { state: 'unknown', hollow: true, word };
  return { state: 'good', hollow: waits.length > 0, word };
}

/** How one alert of this severity stands for one service. */
export function alertStanding(
  alert: PackAlertService,
  severity: string | null,
  judged = true,
): Said {
  if (!judged) return { state: 'unknown', hollow: true, word: 'Not judged: packs are off' };
  const raised = raisedAs(alert, severity);
  if (raised !== null) return raised;
  switch (alert.state) {
    case 'armed':
      return { state: 'good', hollow: false, word: 'Armed' };
    case 'off':
      return { state: 'unknown', hollow: true, word: 'Switched off' };
    case 'needs_data': {
      const until = alert.needs_data_until_ms;
      const word =
        until === null ? 'Needs data' : `Needs data until ${untilText(until, serverNow())}`;
      return { state: 'unknown', hollow: true, word };
    }
    case 'not_evaluable':
      return {
        state: 'unknown',
        hollow: true,
        word: `Not evaluable: ${alert.reason ?? 'a metric is missing'}`,
      };
  }
}

/** What it is while it fires or is pending; null while it is neither. */
function raisedAs(
  { firing, pending }: { firing: number; pending: number },
  severity: string | null,
): Said | null {
  const state = severityState(severity ?? undefined);
  if (firing > 0) return { state, hollow: false, word: `${firing} firing` };
  return pending > 0 ? { state, hollow: true, word: `${pending} pending` } : null;
}

/** How one alert stands in all services that the pack was found in: the worst that is true. */
export function overallStanding({ services, severity }: PackAlert, judged = true): Said {
  const first = services[0];
  if (first === undefined) {
    return { state: 'unknown', hollow: true, word: 'Not judged: not found in any service' };
  }
  if (services.length === 1 || !judged) return alertStanding(first, severity, judged);
  const sum = (of: (one: PackAlertService) => number) =>
    services.reduce((total, one) => total + of(one), 0);
  const counts = { firing: sum((one) => one.firing), pending: sum((one) => one.pending) };
  const raised = raisedAs(counts, severity);
  if (raised !== null) return raised;
  const armed = sum((one) => Number(one.state === 'armed'));
  if (armed === services.length) {
    return { state: 'good', hollow: false, word: `Armed for all ${services.length} services` };
  }
  const blind = services.find(({ state }) => state !== 'armed');
  const why = blind === undefined ? '' : alertStanding(blind, severity).word;
  if (armed === 0) return { state: 'unknown', hollow: true, word: why };
  return {
    state: 'good',
    hollow: true,
    word: `Armed for ${armed} of ${plural(services.length, 'service')}`,
  };
}

export const LAYERS: Record<Pack['layer'], string> = {
  exporter: 'Exporter',
  framework: 'Framework',
  runtime: 'Runtime',
  scrape: 'Any target',
};

/** Found packs first, the most specific on top; the others by title. */
export function inOrder(packs: Pack[]): { found: Pack[]; others: Pack[] } {
  const found = packs.filter(({ services }) => services.length > 0);
  const others = packs.filter(({ services }) => services.length === 0);
  const title = (a: Pack, b: Pack) => a.title.localeCompare(b.title, 'en');
  const layers = Object.keys(LAYERS);
  const layer = ({ layer: name }: Pack) => layers.indexOf(name);
  return {
    found: found.sort((a, b) => layer(a) - layer(b) || title(a, b)),
    others: others.sort(title),
  };
}

/** `flask_exporter_info or flask_http_request_total`: what a pack is recognised by. */
export function looksFor({ looks_for }: Pack): string {
  const text = ({ metric, labels }: Pack['looks_for']['any'][number]) => {
    const inner = Object.entries(labels).map(([name, value]) => `${name}="${value}"`);
    return inner.length === 0 ? metric : `${metric}{${inner.join(', ')}}`;
  };
  const any = looks_for.any.map(text).join(' or ');
  return [any, ...looks_for.all.map(text)].filter((part) => part !== '').join(' and ');
}

/** The gravest severity of all that fires or is pending in these services. */
export function worstOf(services: PackService[]): string | null {
  const rank = (severity: string | null) =>
    ['critical', 'warning', 'unknown'].indexOf(severityState(severity ?? undefined));
  return services.reduce<string | null>(
    (worst, { severity }) =>
      severity !== null && (worst === null || rank(severity) < rank(worst)) ? severity : worst,
    null,
  );
}
