import { type ReadonlySignal, type Signal, signal } from '@preact/signals';
import { useEffect, useMemo } from 'preact/hooks';
import { type Answer, ApiError } from '../api/client';
import { tick } from './clock';

/** What a page knows of one thing on the server. `value` outlives errors until `scope` changes. */
export type Remote<T> = {
  value: T | undefined;
  /** Warnings that came with the value: parts that are missing, and why. */
  notes: string[];
  error: ApiError | undefined;
  /** When the value came, Unix ms of the browser. */
  at: number;
  /** Since when a request is under way, Unix ms; 0 when none is. */
  askedAt: number;
};

type Load<T> = (abort: AbortSignal) => Promise<Answer<T>>;

const NOTHING_YET = { value: undefined, notes: [], error: undefined, at: 0, askedAt: 0 };

/** Asks, aborts what a newer question overtakes, keeps the last value. Without hooks, for tests. */
export class Query<T> {
  readonly state: Signal<Remote<T>> = signal(NOTHING_YET);
  private running: AbortController | undefined;
  private scope: string | undefined;
  private key: string | undefined;

  /**
   * `scope` names the thing, `key` the whole question. The same question asked again while it runs
   * is left to run: aborting it at each refresh would never let a slow server answer.
   */
  async ask(scope: string, key: string, load: Load<T>): Promise<void> {
    if (this.running !== undefined && this.key === key && this.scope === scope) return;
    this.running?.abort();
    if (this.scope !== scope) this.state.value = NOTHING_YET;
    this.scope = scope;
    this.key = key;
    const abort = new AbortController();
    this.running = abort;
    this.state.value = { ...this.state.peek(), askedAt: Date.now() };
    try {
      const { data, notes } = await load(abort.signal);
      if (this.running !== abort) return;
      this.state.value = { value: data, notes, error: undefined, at: Date.now(), askedAt: 0 };
    } catch (cause) {
      if (this.running !== abort) return;
      const error = cause instanceof ApiError ? cause : new ApiError('broken', String(cause), '');
      this.state.value = { ...this.state.peek(), error, askedAt: 0 };
    }
    this.running = undefined;
  }

  stop(): void {
    this.running?.abort();
    this.running = undefined;
  }
}

export type QueryOptions = {
  /** `false` keeps what is there and asks nothing (a panel out of sight). */
  enabled?: boolean;
  /** `false` is answered once: refreshes ask again only if it failed. */
  live?: boolean;
};

/** Asks when the scope or the key changes, and at each refresh. */
export function useQuery<T>(
  scope: string,
  key: string,
  load: Load<T>,
  { enabled = true, live = true }: QueryOptions = {},
): { remote: ReadonlySignal<Remote<T>>; again: () => void } {
  const query = useMemo(() => new Query<T>(), []);
  const beat = live || query.state.value.error !== undefined ? tick.value : 0;
  // The key stands for the load.
  useEffect(() => {
    if (enabled) void query.ask(scope, key, load);
  }, [query, scope, key, beat, enabled]);
  useEffect(() => () => query.stop(), [query]);
  return { remote: query.state, again: () => void query.ask(scope, key, load) };
}
