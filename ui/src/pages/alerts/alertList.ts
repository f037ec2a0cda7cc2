import type { NotifiedAlert } from '../../api/alertmanager';
import type { Labels } from '../../api/query';
import type { Alert, AlertingRule, Rule, RuleGroup } from '../../api/rules';
import { labelsId } from '../../format/labels';
import { type Matcher, matchAll } from '../../format/matchers';
import { digits } from '../../format/number';
import { parseTime, untilText } from '../../format/time';
import { speakText } from '../../format/units';
import { serverNow } from '../../state/clock';
import { isHeartbeat, STATE_WORDS, type ShapeState, severityState } from '../../parts/StateBadge';

/** What an alert does: a muted one fires, and nobody is told. */
export type Doing = 'firing' | 'pending' | 'silenced' | 'inhibited';

/** An alert with the rule it comes from. */
export type Raised = {
  id: string;
  alert: Alert;
  rule: AlertingRule;
  group: RuleGroup;
  sinceMs: number | null;
  doing: Doing;
  /** The silences that keep it quiet. */
  silencedBy: string[];
};

const RANK = { critical: 0, warning: 1, unknown: 2, good: 3 } as const;
const DOING_RANK: Record<Doing, number> = { firing: 0, pending: 1, silenced: 2, inhibited: 2 };

/** All firing and pending alerts: firing first, worst first, newest first; heartbeats last. */
export function raisedOf(groups: RuleGroup[], notified: NotifiedAlert[] = []): Raised[] {
  const muted = mutedByName(notified);
  const raised = groups.flatMap((group) =>
    group.rules.filter(isAlerting).flatMap((rule) =>
      (rule.alerts ?? [])
        .filter(({ state }) => state !== 'inactive')
        .map((alert): Raised => {
          const labels = { ...alert.labels, alertname: rule.name };
          const { silencedBy = [], inhibitedBy = [] } = muted(labels)?.status ?? {};
          return {
            id: labelsId({ ...labels, group: group.name }),
            alert,
            rule,
            group,
            sinceMs: parseTime(alert.activeAt),
            doing: doingOf(alert, silencedBy, inhibitedBy),
            silencedBy,
          };
        }),
    ),
  );
  const severity = ({ alert }: Raised) => RANK[severityState(alert.labels.severity)];
  const heartbeat = ({ alert }: Raised) => Number(isHeartbeat(alert.labels));
  return raised.sort(
    (a, b) =>
      heartbeat(a) - heartbeat(b) ||
      DOING_RANK[a.doing] - DOING_RANK[b.doing] ||
      severity(a) - severity(b) ||
      (b.sinceMs ?? 0) - (a.sinceMs ?? 0),
  );
}

function doingOf(alert: Alert, silencedBy: string[], inhibitedBy: string[]): Doing {
  if (silencedBy.length > 0) return 'silenced';
  if (inhibitedBy.length > 0) return 'inhibited';
  return alert.state === 'pending' ? 'pending' : 'firing';
}

/** The notifier adds labels (`external_labels`), so it has all of ours and maybe more. */
function mutedByName(notified: NotifiedAlert[]): (labels: Labels) => NotifiedAlert | undefined {
  const byName = new Map<string, NotifiedAlert[]>();
  for (const one of notified) {
    if (one.status.state !== 'suppressed') continue;
    const name = one.labels.alertname ?? '';
    byName.set(name, [...(byName.get(name) ?? []), one]);
  }
  return (labels) =>
    byName
      .get(labels.alertname ?? '')
      ?.find((one) => Object.entries(labels).every(([name, value]) => one.labels[name] === value));
}

export const isAlerting = (rule: Rule): rule is AlertingRule => rule.type === 'alerting';

/** The service an alert is about: our own label first, then Prometheus's. */
export function serviceOf(labels: Labels): string | null {
  return labels.service || labels.job || null;
}

/** What an alert says: the short sentence that stands beside its service, else the summary. */
export function sentenceOf({ annotations }: Alert): string {
  return annotations.sentence ?? annotations.summary ?? annotations.description ?? '';
}

const KPI_UNITS: Record<string, string> = { errors: 'percentunit', p95: 's', rate: 'reqps' };

/** The unit of the KPI that an alert is about; undefined where it is about none. */
export function unitOf({ annotations }: Alert): string | undefined {
  const kpi = annotations.kpi ?? '';
  return Object.hasOwn(KPI_UNITS, kpi) ? KPI_UNITS[kpi] : undefined;
}

/** Its value, in its unit. */
export function valueOf(alert: Alert): string {
  const { value } = alert;
  const number = Number(value);
  const unit = unitOf(alert);
  if (!Number.isFinite(number)) return value;
  if (unit !== undefined) return speakText(number, unit);
  return Math.abs(number) < 1000 ? digits(number) : speakText(number, 'short');
}

/** Whether a text is found in a rule's or alert's name, labels or annotations. */
export function mentions(text: string, name: string, ...labels: (Labels | undefined)[]): boolean {
  const wanted = text.trim().toLowerCase();
  if (wanted === '' || name.toLowerCase().includes(wanted)) return true;
  return labels.some((set) =>
    Object.values(set ?? {}).some((value) => value.toLowerCase().includes(wanted)),
  );
}

/** Labels that a matcher sees: an alert's own with its name. */
export const labelsOf = ({ alert, rule }: Raised): Labels => ({
  ...alert.labels,
  alertname: rule.name,
});

export function filtered(
  raised: Raised[],
  { text, matchers, doing }: { text: string; matchers: Matcher[]; doing: string },
): Raised[] {
  return raised.filter(
    (one) =>
      (doing === '' || one.doing === doing) &&
      matchAll(matchers, labelsOf(one)) &&
      mentions(text, one.rule.name, one.alert.labels, one.alert.annotations),
  );
}

/** What alerts can be grouped by; `''` is the default. */
export const GROUPINGS = [
  ['', 'Severity'],
  ['service', 'Service'],
  ['alert', 'Alert'],
  ['none', 'Nothing'],
] as const;

export type AlertGroup = { key: string; name: string; state: ShapeState; members: Raised[] };

/** Groups by severity, the worst first; others in the order of their first alert. */
export function groupsOf(raised: Raised[], by: string): AlertGroup[] {
  const groups = new Map<string, AlertGroup>();
  for (const one of raised) {
    const state = severityState(one.alert.labels.severity);
    const key = keyOf(one, by);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { key, name: nameOf(key, by), state, members: [one] });
    else group.members.push(one);
  }
  const found = [...groups.values()];
  return by === ''
    ? found.sort((a, b) => SEVERITIES.indexOf(a.key) - SEVERITIES.indexOf(b.key))
    : found;
}

const SEVERITIES = ['critical', 'warning', 'unknown', 'good', 'muted', 'heartbeat'];

function keyOf({ alert, rule, doing }: Raised, by: string): string {
  switch (by) {
    case 'none':
      return '';
    case 'service':
      return serviceOf(alert.labels) ?? '';
    case 'alert':
      return rule.name;
    default:
      if (isHeartbeat(alert.labels)) return 'heartbeat';
      if (doing === 'silenced' || doing === 'inhibited') return 'muted';
      return severityState(alert.labels.severity);
  }
}

function nameOf(key: string, by: string): string {
  if (by === 'service') return key === '' ? 'No service' : key;
  if (by === 'alert' || by === 'none') return key;
  if (key === 'heartbeat') return 'Always on';
  if (key === 'muted') return 'Kept quiet';
  return key === 'unknown' ? 'Other' : STATE_WORDS[key as ShapeState];
}

// Labels that stand in columns of their own, or follow from the alert's name.
const KNOWN = new Set(['alertname', 'job', 'service', 'severity', 'pack', 'kind', '__name__']);

/** The labels that tell an alert from others of its name and service: `127.0.0.1:80 · 500`. */
export function distinct(labels: Labels): string {
  const own = Object.entries(labels).filter(([name]) => !KNOWN.has(name));
  return own.map(([, value]) => value).join(' · ');
}

/** How a rule's health reads; null when all is well. */
export function healthText(rule: Rule): string | null {
  if (rule.health === 'err') return `Failing: ${rule.lastError || 'no reason given'}`;
  if (isAlerting(rule)) {
    if (rule.notEvaluable !== undefined) return `Not evaluable: ${rule.notEvaluable}`;
    const until = parseTime(rule.needsDataUntil);
    if (until !== null) return `Needs data until ${untilText(until, serverNow())}`;
  }
  return rule.health === 'ok' ? null : 'Not evaluated yet';
}

/** The standing of a rule: what it does, or why it can do nothing. */
export type RuleStanding =
  'firing' | 'pending' | 'failing' | 'not_evaluable' | 'needs_data' | 'new' | 'armed' | 'recording';

export function standingOf(rule: Rule): RuleStanding {
  if (rule.health === 'err') return 'failing';
  if (isAlerting(rule)) {
    if (rule.state !== 'inactive') return rule.state;
    if (rule.notEvaluable !== undefined) return 'not_evaluable';
    if (parseTime(rule.needsDataUntil) !== null) return 'needs_data';
  }
  if (rule.health !== 'ok') return 'new';
  return isAlerting(rule) ? 'armed' : 'recording';
}
