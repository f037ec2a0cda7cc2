import { effect, type Signal, signal } from '@preact/signals';

// What belongs to the person and not to the view: kept in the browser, never in the URL.

export type Theme = 'system' | 'light' | 'dark';
export type RailWidth = 'wide' | 'narrow';

/** How often live pages ask again, in seconds. 0 is never. */
export const REFRESH_OFFERED = [0, 5, 10, 30, 60] as const;

function kept<T extends string>(name: string, allowed: readonly T[], standard: T): Signal<T> {
  const key = `pyrometer.${name}`;
  let stored: string | null = null;
  try {
    stored = window.localStorage.getItem(key);
  } catch {
    // Storage may be forbidden. The setting then lasts as long as the page.
  }
  const setting = signal(allowed.find((value) => value === stored) ?? standard);
  effect(() => {
    const value = setting.value;
    try {
      window.localStorage.setItem(key, value);
    } catch {
      // See above.
    }
  });
  return setting;
}

export const theme = kept<Theme>('theme', ['system', 'light', 'dark'], 'system');
export const railWidth = kept<RailWidth>('rail', ['wide', 'narrow'], 'wide');
const refresh = kept('refresh', REFRESH_OFFERED.map(String), '5');

export const refreshSeconds = {
  get value(): number {
    return Number(refresh.value);
  },
  set value(seconds: number) {
    refresh.value = String(seconds);
  },
};

/** Who makes silences here, as they once said. */
export const author = keptText('author');

function keptText(name: string): Signal<string> {
  const key = `pyrometer.${name}`;
  const setting = signal('');
  try {
    setting.value = window.localStorage.getItem(key) ?? '';
  } catch {
    // Storage may be forbidden. The setting then lasts as long as the page.
  }
  effect(() => {
    const { value } = setting;
    try {
      if (value !== '') window.localStorage.setItem(key, value);
    } catch {
      // See above.
    }
  });
  return setting;
}

const systemDark = window.matchMedia('(prefers-color-scheme: dark)');
const systemIsDark = signal(systemDark.matches);
systemDark.addEventListener('change', () => {
  systemIsDark.value = systemDark.matches;
});

/** The theme that is drawn: charts paint on canvas and must know. */
export function drawnTheme(): 'light' | 'dark' {
  if (theme.value !== 'system') return theme.value;
  return systemIsDark.value ? 'dark' : 'light';
}

/** Puts the theme on the root element, where the tokens read it. */
export function applyTheme(): () => void {
  return effect(() => {
    document.documentElement.dataset.theme = drawnTheme();
  });
}
