import { expect, test } from 'vitest';
import { type Answer, ApiError } from '../api/client';
import { Query } from './useQuery';

/** An answer that comes when the test says so. */
function later<T>() {
  let resolve: (answer: Answer<T>) => void = () => {};
  let reject: (error: unknown) => void = () => {};
  let abort: AbortSignal | undefined;
  const promise = new Promise<Answer<T>>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  const load = (signal: AbortSignal) => {
    abort = signal;
    return promise;
  };
  return {
    load,
    answer: (data: T) => resolve({ data, notes: [] }),
    fail: (error: unknown) => reject(error),
    aborted: () => abort?.aborted === true,
  };
}

test('the last value outlives an error', async () => {
  const query = new Query<string>();
  const good = later<string>();
  const first = query.ask('a', '1', good.load);
  good.answer('old');
  await first;
  const bad = later<string>();
  const second = query.ask('a', '1', bad.load);
  bad.fail(new ApiError('busy', 'too busy', '/x'));
  await second;
  expect(query.state.value).toMatchObject({ value: 'old', error: { kind: 'busy' }, askedAt: 0 });
});

test('another thing does not inherit the value of the one before', async () => {
  const query = new Query<string>();
  const first = later<string>();
  const asked = query.ask('a', '1', first.load);
  first.answer('of a');
  await asked;
  void query.ask('b', '1', later<string>().load);
  expect(query.state.value.value).toBeUndefined();
});

test('a newer question aborts the older one, whose answer is dropped', async () => {
  const query = new Query<string>();
  const older = later<string>();
  const newer = later<string>();
  const first = query.ask('a', '1', older.load);
  const second = query.ask('a', '2', newer.load);
  expect(older.aborted()).toBe(true);
  newer.answer('new');
  await second;
  older.answer('late');
  await first;
  expect(query.state.value.value).toBe('new');
});

test('a refresh leaves the same question running', async () => {
  const query = new Query<string>();
  const slow = later<string>();
  const again = later<string>();
  const first = query.ask('a', '1', slow.load);
  await query.ask('a', '1', again.load);
  expect(slow.aborted()).toBe(false);
  slow.answer('slow');
  await first;
  expect(query.state.value.value).toBe('slow');
});

test('an error that is none of ours is shown all the same', async () => {
  const query = new Query<string>();
  const bad = later<string>();
  const asked = query.ask('a', '1', bad.load);
  bad.fail(new TypeError('x is undefined'));
  await asked;
  expect(query.state.value.error?.message).toContain('x is undefined');
});
