import { fetchNotifiedAlerts } from '../../api/alertmanager';
import type { Answer } from '../../api/client';
import { notifies } from '../../api/notifications';
import { fetchRules, type RuleGroup } from '../../api/rules';
import { type Raised, raisedOf } from './alertList';

export type RaisedAnswer = {
  raised: Raised[];
  groups: RuleGroup[];
  /** Whether this server has a notifier, so that alerts can be silenced. */
  notifies: boolean;
};

/** The alerts of all rules, with what the notifier does with each. */
export async function fetchRaised(abort?: AbortSignal): Promise<Answer<RaisedAnswer>> {
  const [rules, notified] = await Promise.all([fetchRules(abort), fetchMuted(abort)]);
  const { groups } = rules.data;
  return {
    data: { raised: raisedOf(groups, notified.alerts), groups, notifies: notified.there },
    notes: [...rules.notes, ...notified.notes],
  };
}

/** What fires must be shown even where nobody can say which of it is silenced. */
async function fetchMuted(abort?: AbortSignal) {
  const there = await notifies();
  if (!there) return { there, alerts: [], notes: [] };
  try {
    const { data, notes } = await fetchNotifiedAlerts(abort);
    return { there, alerts: data, notes };
  } catch (error) {
    abort?.throwIfAborted();
    const said = error instanceof Error ? error.message : String(error);
    return { there, alerts: [], notes: [`which alerts are silenced is missing: ${said}`] };
  }
}
