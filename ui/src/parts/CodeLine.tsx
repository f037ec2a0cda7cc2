import type { ComponentChildren } from 'preact';
import { CopyButton } from './CopyButton';

/** Something to paste elsewhere: the text and its copy button. */
export function CodeLine({ text, children }: { text: string; children?: ComponentChildren }) {
  return (
    <div class="code-line">
      <pre>{children ?? text}</pre>
      <CopyButton text={text} label="Copy" />
    </div>
  );
}
