import { useSignal } from '@preact/signals';
import { Icon } from './Icon';

// Long enough to be seen, short enough not to be taken for a state.
const SAID_MS = 1_500;

/** Copies a text and says so. Without the clipboard (plain HTTP on another host) it selects it. */
export function CopyButton({ text, label }: { text: string | (() => string); label: string }) {
  const said = useSignal('');
  const copy = async () => {
    const value = typeof text === 'string' ? text : text();
    said.value = (await copied(value)) ? 'Copied' : 'Cannot copy here';
    setTimeout(() => {
      said.value = '';
    }, SAID_MS);
  };
  return (
    <button type="button" class="icon-button copy" title={label} aria-label={label} onClick={copy}>
      <Icon name={said.value === 'Copied' ? 'done' : 'copy'} />
      <span class="copied" role="status">
        {said.value}
      </span>
    </button>
  );
}

async function copied(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copiedByHand(text);
  }
}

/** The way that works without HTTPS: a field, a selection, the old command. */
function copiedByHand(text: string): boolean {
  const field = document.createElement('textarea');
  field.value = text;
  field.className = 'hidden';
  const focused = document.activeElement;
  (document.querySelector('dialog[open]') ?? document.body).append(field);
  field.select();
  let done = false;
  try {
    done = document.execCommand('copy');
  } catch {
    done = false;
  }
  field.remove();
  if (focused instanceof HTMLElement) focused.focus();
  return done;
}
