import { describe, expect, it } from 'vitest';
import type { Objective } from '../../api/objectives';
import { draftOf, EMPTY, formOf, type ObjectiveForm } from './objectiveDraft';

const draft = (changes: Partial<ObjectiveForm>) =>
  draftOf({ ...EMPTY, service: 'web', ...changes }, null);

describe('what is sent', () => {
  it('is the least that the server needs', () => {
    expect(draft({})).toEqual({
      wish: {
        description: '',
        entity: { type: 'service', name: 'web', scope: {} },
        indicator: { kind: 'availability' },
        by: 'requests',
        target: 0.995,
        window: { kind: 'rolling', days: 30 },
      },
    });
  });

  it('says the limit, the calendar and the route', () => {
    expect(
      draft({
        type: 'route',
        name: '/pay',
        kind: 'latency',
        limit: '0.25',
        target: '99,95',
        window: 'month',
        zone: 'Europe/Berlin',
        floor: '3',
      }),
    ).toEqual({
      wish: {
        description: '',
        entity: { type: 'route', name: '/pay', scope: { service: 'web' } },
        indicator: { kind: 'latency', limit_seconds: 0.25 },
        by: 'requests',
        target: 0.9995,
        window: { kind: 'calendar', unit: 'month', zone: 'Europe/Berlin' },
        floor: 3,
      },
    });
  });

  it('judges a threshold by minutes', () => {
    expect(draft({ kind: 'threshold', query: 'age', op: '<=', value: '30' })).toMatchObject({
      wish: { by: 'minutes', indicator: { query: 'age', op: '<=', value: 30 } },
    });
  });
});

describe('what is wrong is said', () => {
  it.each<[Partial<ObjectiveForm>, string]>([
    [{ service: ' ' }, 'Which service'],
    [{ type: 'route' }, 'its name'],
    [{ target: '100' }, 'between 0 and 100'],
    [{ target: 'x' }, 'between 0 and 100'],
    [{ kind: 'latency' }, 'how long'],
    [{ kind: 'events' }, 'PromQL'],
    [{ kind: 'events', query: 'a' }, 'all events'],
    [{ kind: 'threshold', query: 'a' }, 'limit'],
    [{ floor: 'x' }, 'floor'],
    [{ by: 'minutes', minuteTarget: '' }, 'good minute'],
  ])('%o', (changes, expected) => {
    const found = draft(changes);
    expect('wrong' in found ? found.wrong : '').toContain(expected);
  });
});

it('an objective that is opened and saved stays what it is', () => {
  const objective = {
    id: 'web-latency',
    title: 'web answers within 250 ms',
    description: 'why',
    entity: { type: 'route', name: '/pay', scope: { service: 'web', env: 'prod' } },
    indicator: { kind: 'latency', limit_seconds: 0.25, good: 'a', total: 'b', counter: false },
    by: 'minutes',
    minute_target: 0.9,
    target: 0.999,
    window: { kind: 'calendar', unit: 'week', zone: 'UTC' },
    floor: 1,
  } as unknown as Objective;
  const { id, ...rest } = objective;
  expect(id).toBe('web-latency');
  expect(draftOf(formOf(objective), objective)).toEqual({ wish: rest });
});
