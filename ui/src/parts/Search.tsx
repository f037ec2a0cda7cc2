import { useSignal } from '@preact/signals';
import { useRef } from 'preact/hooks';
import { navigate } from '../state/url';
import { Icon } from './Icon';

export type Found = {
  name: string;
  kind: string;
  href: string;
  /** The server found it, maybe by more than its name. */
  found?: boolean;
};

// As many as fit under the field without scrolling.
const SHOWN = 8;

/** Which entries a search shows: those that begin with it, then those that contain it. */
export function matching(all: Found[], text: string): Found[] {
  const wanted = text.trim().toLowerCase();
  const at = (entry: Found) => entry.name.toLowerCase().indexOf(wanted);
  return all
    .filter((entry) => at(entry) >= 0 || entry.found === true)
    .sort((a, b) => Number(at(a) !== 0) - Number(at(b) !== 0))
    .slice(0, SHOWN);
}

/** The field that `/` goes to. `onOpen` is the moment to fetch what can be found. */
export function Search({
  all,
  onOpen,
  onText,
}: {
  all: Found[];
  onOpen: () => void;
  /** What was typed, for those who look further than `all`. */
  onText: (text: string) => void;
}) {
  const text = useSignal('');
  const open = useSignal(false);
  const chosen = useSignal(0);
  const field = useRef<HTMLInputElement>(null);
  const found = open.value ? matching(all, text.value) : [];
  const at = Math.min(chosen.value, Math.max(0, found.length - 1));

  const goTo = (entry: Found | undefined) => {
    if (entry === undefined) return;
    open.value = false;
    text.value = '';
    onText('');
    field.current?.blur();
    navigate(entry.href);
  };
  const onKey = (event: KeyboardEvent) => {
    if (event.key === 'ArrowDown') chosen.value = Math.min(found.length - 1, at + 1);
    else if (event.key === 'ArrowUp') chosen.value = Math.max(0, at - 1);
    else if (event.key === 'Enter') goTo(found[at]);
    else if (event.key === 'Escape') field.current?.blur();
    else return;
    event.preventDefault();
  };
  return (
    <div class="search">
      <Icon name="search" />
      <input
        ref={field}
        id="search"
        class="field"
        type="text"
        role="combobox"
        autocomplete="off"
        spellcheck={false}
        placeholder="Search services, entities, incidents, pages"
        aria-label="Search"
        aria-expanded={open.value}
        aria-controls="search-found"
        aria-activedescendant={found.length > 0 ? `found-${at}` : undefined}
        value={text.value}
        onFocus={() => {
          open.value = true;
          chosen.value = 0;
          onOpen();
        }}
        onBlur={() => {
          open.value = false;
        }}
        onInput={(event) => {
          text.value = event.currentTarget.value;
          chosen.value = 0;
          onText(text.value);
        }}
        onKeyDown={onKey}
      />
      <kbd aria-hidden="true">/</kbd>
      {open.value && <FoundList found={found} at={at} text={text.value} onPick={goTo} />}
    </div>
  );
}

function FoundList({
  found,
  at,
  text,
  onPick,
}: {
  found: Found[];
  at: number;
  text: string;
  onPick: (entry: Found) => void;
}) {
  return (
    <ul id="search-found" class="popover search-found" role="listbox" aria-label="Found">
      {found.map((entry, i) => (
        <li
          key={entry.href}
          id={`found-${i}`}
          role="option"
          aria-selected={i === at}
          class="menu-item"
          // Pointer down, not click: the field's blur would close the list first.
          onPointerDown={(event) => {
            event.preventDefault();
            onPick(entry);
          }}
        >
          <span class="cut">{entry.name}</span>
          <span class="faint small">{entry.kind}</span>
        </li>
      ))}
      {found.length === 0 && <li class="menu-none">Nothing is called “{text}”.</li>}
    </ul>
  );
}
