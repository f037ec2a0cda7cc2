import type { Answer } from '../../api/client';
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
  const { data, notes } = await fetchRules(abort);
  return { data: { raised: raisedOf(data.groups), groups: data.groups, notifies: false }, notes };
}
