import { effect, signal } from '@preact/signals';
import { clockSkewMs } from '../api/client';
import { type Bounds, boundsOf } from './range';
import { refreshSeconds } from './settings';
import { range } from './url';

/** The server's now, in Unix ms. */
export const serverNow = () => Date.now() + clockSkewMs.peek();

/** Moves every second, for texts such as "12 s ago". */
export const now = signal(serverNow());

/** Counts the refreshes of a live page. A query that reads it runs again. */
export const tick = signal(0);

const visible = signal(!document.hidden);

export const isLive = () => range.value.kind === 'relative';

/** Where the shown range begins and ends now. Reading it does not subscribe to the clock. */
export function bounds(): Bounds {
  return boundsOf(range.peek(), serverNow());
}

export function refreshNow(): void {
  tick.value += 1;
}

/** Starts the clocks; a hidden tab stands still and asks at once when it is seen again. */
export function startClock(): () => void {
  const onVisible = () => {
    visible.value = !document.hidden;
    if (!document.hidden) {
      now.value = serverNow();
      if (isLive()) refreshNow();
    }
  };
  document.addEventListener('visibilitychange', onVisible);

  const stopSeconds = effect(() => {
    if (!visible.value) return undefined;
    const timer = setInterval(() => {
      now.value = serverNow();
    }, 1000);
    return () => clearInterval(timer);
  });
  const stopTicks = effect(() => {
    if (!visible.value || !isLive() || refreshSeconds.value === 0) return undefined;
    const timer = setInterval(refreshNow, refreshSeconds.value * 1000);
    return () => clearInterval(timer);
  });
  return () => {
    document.removeEventListener('visibilitychange', onVisible);
    stopSeconds();
    stopTicks();
  };
}
