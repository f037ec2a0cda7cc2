import { expect, test } from 'vitest';
import type { Silence } from '../../api/alertmanager';
import { matchersText } from '../../format/matchers';
import {
  draftOf,
  endOf,
  fromWire,
  matchersFor,
  nextMorning,
  ordered,
  toWire,
} from './silenceDraft';

const NOW = new Date(2026, 10, 23, 3, 15).getTime();
const FORM = { id: null, matchers: 'alertname="A"', until: '4h', author: 'ann', comment: 'deploy' };

/** The draft of a form, or what is said to be wrong with it. */
const check = (changes: Partial<typeof FORM>, expected: string) => {
  const draft = draftOf({ ...FORM, ...changes }, NOW);
  const said =
    'wrong' in draft ? draft.wrong : `${draft.createdBy}, ${draft.comment}, ${draft.endsAt}`;
  expect(said).toContain(expected);
};

test('a form becomes a silence that ends after a duration or at a time', () => {
  check({}, `ann, deploy, ${new Date(NOW + 4 * 3_600_000).toISOString()}`);
  check({ until: '2026-11-23 09:00' }, new Date(2026, 10, 23, 9).toISOString());
  check({ until: ' 1d 12h ' }, new Date(NOW + 36 * 3_600_000).toISOString());
});

test('who and why may be left out at three in the morning', () => {
  check({ author: ' ', comment: '' }, 'somebody, no reason given');
});

test('a form that silences nothing, everything or the past says why', () => {
  check({ matchers: '' }, 'needs a label');
  check({ matchers: 'alertname' }, 'Cannot read “alertname”');
  check({ matchers: 'alertname=~"("' }, 'no regular expression');
  check({ matchers: 'alertname=~".*"' }, 'every alert');
  check({ matchers: 'team!="x"' }, 'every alert');
  check({ matchers: 'team!="x", job="a"' }, 'ann');
  check({ until: 'soon' }, 'Say how long');
  check({ until: '2020-01-01 09:00' }, 'in the past');
  check({ until: '999w' }, 'Longer than a year');
  check({ until: '0s' }, 'Say how long');
});

test('a bare time is one of today', () => {
  expect(endOf('09:00', NOW)).toBe(new Date(2026, 10, 23, 9).getTime());
  expect(endOf('', NOW)).toBeNull();
});

test('the next morning is today at night and tomorrow by day', () => {
  expect(new Date(nextMorning(NOW))).toEqual(new Date(2026, 10, 23, 9));
  expect(new Date(nextMorning(new Date(2026, 10, 30, 9).getTime()))).toEqual(
    new Date(2026, 11, 1, 9),
  );
});

test('an alert is silenced by what makes it that one, its name first', () => {
  const labels = { severity: 'critical', pack: 'flask', kind: 'symptom', job: 'a', alertname: 'B' };
  expect(matchersText(matchersFor(labels))).toBe('alertname="B", job="a"');
});

test('matchers come back from the wire as they went', () => {
  for (const op of ['=', '!=', '=~', '!~'] as const) {
    const matcher = { name: 'a', op, value: 'b' };
    expect(fromWire(toWire(matcher))).toEqual(matcher);
  }
  expect(fromWire({ name: 'a', value: 'b', isRegex: false }).op).toBe('=');
});

test('what ends first stands first, and what is over last', () => {
  const silence = (id: string, state: 'active' | 'pending' | 'expired', hour: number) =>
    ({ id, status: { state }, endsAt: new Date(2026, 10, 23, hour).toISOString() }) as Silence;
  const all = [
    silence('old', 'expired', 1),
    silence('just over', 'expired', 2),
    silence('late', 'active', 9),
    silence('soon', 'active', 5),
    silence('to come', 'pending', 8),
  ];
  expect(ordered(all).map(({ id }) => id)).toEqual(['soon', 'late', 'to come', 'just over', 'old']);
});
