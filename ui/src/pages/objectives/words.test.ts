import { describe, expect, it } from 'vitest';
import { burnText, entityWords, eventsText, share, targetText } from './words';

describe('shares', () => {
  it.each([
    [0.99953, '99.953\u00a0%'],
    [0.9969, '99.69\u00a0%'],
    [0.995, '99.5\u00a0%'],
    [1, '100\u00a0%'],
    [0, '0\u00a0%'],
    [0.87, '87\u00a0%'],
    [0.999999, '99.9999\u00a0%'],
    [null, '–'],
  ])('%s is said with the digits that matter', (ratio, expected) => {
    expect(share(ratio)).toBe(expected);
  });

  it('is never rounded up to what was not reached', () => {
    expect(share(0.98996)).toBe('98.99\u00a0%');
  });

  it.each([
    [0.995, '99.5\u00a0%'],
    [0.9999, '99.99\u00a0%'],
    [0.9, '90\u00a0%'],
  ])('a target of %s keeps the digits that were typed', (target, expected) => {
    expect(targetText(target)).toBe(expected);
  });
});

describe('counts', () => {
  it('says events or minutes', () => {
    expect(eventsText(12_345.6, 'requests')).toBe('12\u202f346\u00a0events');
    expect(eventsText(3.25, 'minutes')).toBe('3.3\u00a0min');
    expect(burnText(14.42)).toBe('14.4×');
    expect(burnText(null)).toBe('–');
  });
});

it('a route stands after its service', () => {
  const entity = { type: 'route', name: '/pay', scope: { service: 'web', env: 'prod' } };
  expect(entityWords({ entity } as never)).toBe('web prod /pay');
});
