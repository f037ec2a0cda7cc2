import type { Labels } from '../../api/query';
import type { Alert, AlertingRule, Rule, RuleGroup } from '../../api/rules';
import { labelsId } from '../../format/labels';
import { parseTime } from '../../format/time';
import { isHeartbeat, severityState } from '../../parts/StateBadge';

/** An alert with the rule it comes from. */
export type Raised = {
  id: string;
  alert: Alert;
  rule: AlertingRule;
  group: string;
  sinceMs: number | null;
};

const RANK = { critical: 0, warning: 1, unknown: 2, good: 3 } as const;

/** All firing and pending alerts: firing first, worst first, newest first; heartbeats last. */
export function raisedOf(groups: RuleGroup[]): Raised[] {
  const raised = groups.flatMap((group) =>
    group.rules.filter(isAlerting).flatMap((rule) =>
      (rule.alerts ?? [])
        .filter(({ state }) => state !== 'inactive')
        .map((alert) => ({
          id: labelsId({ ...alert.labels, alertname: rule.name, group: group.name }),
          alert,
          rule,
          group: group.name,
          sinceMs: parseTime(alert.activeAt),
        })),
    ),
  );
  const pending = ({ alert }: Raised) => Number(alert.state === 'pending');
  const severity = ({ alert }: Raised) => RANK[severityState(alert.labels.severity)];
  const heartbeat = ({ alert }: Raised) => Number(isHeartbeat(alert.labels));
  return raised.sort(
    (a, b) =>
      heartbeat(a) - heartbeat(b) ||
      pending(a) - pending(b) ||
      severity(a) - severity(b) ||
      (b.sinceMs ?? 0) - (a.sinceMs ?? 0),
  );
}

export const isAlerting = (rule: Rule): rule is AlertingRule => rule.type === 'alerting';

/** The service an alert is about: our own label first, then Prometheus's. */
export function serviceOf(labels: Labels): string | null {
  return labels.service || labels.job || null;
}

/** Whether a text is found in a rule's or alert's name, labels or annotations. */
export function mentions(text: string, name: string, ...labels: (Labels | undefined)[]): boolean {
  const wanted = text.trim().toLowerCase();
  if (wanted === '' || name.toLowerCase().includes(wanted)) return true;
  return labels.some((set) =>
    Object.values(set ?? {}).some((value) => value.toLowerCase().includes(wanted)),
  );
}

/** How a rule's health reads; null when all is well. */
export function healthText(rule: Rule): string | null {
  if (rule.health === 'err') return `Not evaluable: ${rule.lastError || 'no reason given'}`;
  if (rule.health !== 'ok') return 'Not evaluated yet';
  if (isAlerting(rule) && rule.notEvaluable !== undefined) {
    return `Says nothing yet: ${rule.notEvaluable}`;
  }
  if (isAlerting(rule) && rule.needsDataUntil !== undefined) {
    return `Needs data until ${rule.needsDataUntil}`;
  }
  return null;
}
