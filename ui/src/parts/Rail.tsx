import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { railWidth, type Theme, theme } from '../state/settings';
import { hrefTo, path } from '../state/url';
import { Icon, type IconName } from './Icon';
import { StateShape } from './StateBadge';

export type RailLink = {
  path: string;
  name: string;
  icon: IconName;
  /** What to count beside the name, if anything is wrong there. */
  badge?: { count: number; state: 'critical' | 'warning'; says: string } | undefined;
};

// A phone has room for so many; the rest is behind one press.
const FIRST = 5;

const NEXT_THEME: Record<Theme, Theme> = { system: 'light', light: 'dark', dark: 'system' };
const THEME_SAYS: Record<Theme, string> = { system: 'System', light: 'Light', dark: 'Dark' };

/** The pages: at the left, narrow on narrow screens, at the bottom on phones. */
export function Rail({
  links,
  version,
  onHelp,
}: {
  links: RailLink[];
  version: string;
  onHelp: () => void;
}) {
  const narrow = railWidth.value === 'narrow';
  const more = useSignal(false);
  const at = path.value;
  // Whoever has gone somewhere is done with the menu.
  useEffect(() => {
    more.value = false;
  }, [at]);
  return (
    <nav class="rail" aria-label="Pages">
      <a class="brand" href={hrefTo('/')} aria-label="Pyrometer, to Home">
        <Mark />
        <span class="rail-word">Pyrometer</span>
      </a>
      <ul class="rail-links">
        {links.slice(0, FIRST).map((link) => (
          <li key={link.path}>
            <RailItem link={link} />
          </li>
        ))}
      </ul>
      <button
        type="button"
        class="rail-link rail-more"
        aria-expanded={more.value}
        onClick={() => {
          more.value = !more.value;
        }}
      >
        <Icon name="more" />
        <span class="rail-word">More</span>
      </button>
      <div class={more.value ? 'rail-rest open' : 'rail-rest'}>
        <ul class="rail-links">
          {links.slice(FIRST).map((link) => (
            <li key={link.path}>
              <RailItem link={link} />
            </li>
          ))}
        </ul>
        <div class="rail-foot">
          <button
            type="button"
            class="rail-link"
            title={`Theme: ${THEME_SAYS[theme.value]}. Press to change.`}
            onClick={() => {
              theme.value = NEXT_THEME[theme.value];
            }}
          >
            <Icon name={theme.value} />
            <span class="rail-word">{THEME_SAYS[theme.value]}</span>
          </button>
          <button
            type="button"
            class="rail-link rail-help"
            title="Keyboard and help (?)"
            onClick={onHelp}
          >
            <Icon name="help" />
            <span class="rail-word">Help</span>
          </button>
          <button
            type="button"
            class="rail-link rail-fold"
            title={narrow ? 'Widen the menu' : 'Narrow the menu'}
            aria-expanded={!narrow}
            onClick={() => {
              railWidth.value = narrow ? 'wide' : 'narrow';
            }}
          >
            <Icon name="rail" />
            <span class="rail-word">Narrow</span>
          </button>
          <p class="rail-note rail-word">
            {version !== '' && <span>Version {version}</span>}
            <span>No account, no telemetry: nothing leaves this machine.</span>
          </p>
        </div>
      </div>
    </nav>
  );
}

function RailItem({ link }: { link: RailLink }) {
  const here =
    link.path === '/'
      ? path.value === '/' || path.value.startsWith('/services/')
      : path.value.startsWith(link.path) ||
        (link.path === '/graph' && path.value.startsWith('/entities/'));
  return (
    <a
      class="rail-link"
      href={hrefTo(link.path)}
      title={link.name}
      aria-current={here ? 'page' : undefined}
    >
      <Icon name={link.icon} />
      <span class="rail-word">{link.name}</span>
      {link.badge !== undefined && (
        <span class={`rail-badge ${link.badge.state}`} title={link.badge.says}>
          <StateShape state={link.badge.state} />
          <span class="num">{link.badge.count}</span>
          <span class="hidden">{link.badge.says}</span>
        </span>
      )}
    </a>
  );
}

function Mark() {
  return (
    <svg class="mark" width="24" height="24" viewBox="0 0 24 24" aria-hidden="true">
      <path class="mark-cold" d="M4.5 16a7.5 7.5 0 0 1 10.6-6.8" />
      <path class="mark-hot" d="M16.9 10.3A7.5 7.5 0 0 1 19.5 16" />
      <path class="mark-hand" d="M12 16l3.6-4.4" />
      <circle class="mark-pin" cx="12" cy="16" r="1.8" />
    </svg>
  );
}
