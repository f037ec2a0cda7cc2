import { type Answer, get } from './client';
import type { Labels } from './query';

export type RuleHealth = 'ok' | 'err' | 'unknown';
export type AlertState = 'firing' | 'pending' | 'inactive';

export type Alert = {
  labels: Labels;
  annotations: Labels;
  state: AlertState;
  activeAt: string | null;
  value: string;
};

type RuleCommon = {
  name: string;
  query: string;
  labels?: Labels;
  health: RuleHealth;
  lastError?: string;
  /** Seconds. */
  evaluationTime?: number;
  lastEvaluation?: string;
};

export type AlertingRule = RuleCommon & {
  type: 'alerting';
  state: AlertState;
  /** The `for:` of the rule, in seconds. */
  duration: number;
  keepFiringFor?: number;
  annotations?: Labels;
  alerts: Alert[];
  pack?: string;
  /** A text, or the address of one. */
  runbook?: string;
  /** What the rule waits for before it can say anything. */
  notEvaluable?: string;
  /** RFC 3339: until then the past is too short that the rule compares with. */
  needsDataUntil?: string;
  /** The series that it judges, as matchers, where a user tuned the alert for some. */
  only?: string;
};

export type RecordingRule = RuleCommon & { type: 'recording' };
export type Rule = AlertingRule | RecordingRule;

export type RuleGroup = {
  name: string;
  file: string;
  /** Seconds. */
  interval: number;
  /** Seconds that the last evaluation of all of them took. */
  evaluationTime?: number;
  rules: Rule[];
};

/** `GET /api/v1/rules`: every rule with the alerts it has now. */
export function fetchRules(abort?: AbortSignal): Promise<Answer<{ groups: RuleGroup[] }>> {
  return get('/api/v1/rules', {}, abort);
}
