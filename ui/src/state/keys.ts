/** Every shortcut, as the help lists them and the keyboard runs them. */
export type Shortcut = { keys: string; does: string; run: (event: KeyboardEvent) => void };

// Two keys in a row belong together for as long as a person thinks they do.
const SEQUENCE_MS = 1_200;

function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || ['INPUT', 'TEXTAREA', 'SELECT'].includes(target.tagName);
}

/** Listens for the shortcuts, single keys and `g h` pairs. Returns what undoes it. */
export function listenKeys(shortcuts: Shortcut[]): () => void {
  let first = '';
  let firstAt = 0;
  const onKey = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    if (document.querySelector('dialog[open]') !== null) return;
    const pair = first !== '' && event.timeStamp - firstAt < SEQUENCE_MS;
    const pressed = pair ? `${first} ${event.key}` : event.key;
    first = '';
    const shortcut = shortcuts.find(({ keys }) => keys === pressed);
    if (shortcut !== undefined) {
      event.preventDefault();
      shortcut.run(event);
    } else if (shortcuts.some(({ keys }) => keys.startsWith(`${event.key} `))) {
      first = event.key;
      firstAt = event.timeStamp;
    }
  };
  document.addEventListener('keydown', onKey);
  return () => document.removeEventListener('keydown', onKey);
}

/** Moves the focus among the rows of the page; each row's own control carries `data-row`. */
export function moveRow(direction: -1 | 1): void {
  const rows = [...document.querySelectorAll<HTMLElement>('main [data-row]')];
  if (rows.length === 0) return;
  const at = rows.findIndex((row) => row === document.activeElement);
  const next = at === -1 ? (direction === 1 ? 0 : rows.length - 1) : at + direction;
  const row = rows[Math.min(rows.length - 1, Math.max(0, next))];
  row?.focus();
  row?.scrollIntoView({ block: 'nearest' });
}
