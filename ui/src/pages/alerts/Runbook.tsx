import { safeHref } from '../../format/labels';
import { Prose } from '../../parts/Prose';

/** What to do: the text, or the way to it. */
export function Runbook({ text, name }: { text: string; name: string }) {
  const href = safeHref(text.trim());
  // Where the heading repeats the name of the alert, it says nothing.
  const heading = `# ${name}\n`;
  const body = text.startsWith(heading) ? text.slice(heading.length) : text;
  return (
    <section class="runbook" aria-label="Runbook">
      <h2>Runbook</h2>
      {href === null ? (
        <Prose text={body} />
      ) : (
        <a class="link" href={href} target="_blank" rel="noopener noreferrer">
          {href}
        </a>
      )}
    </section>
  );
}
