import { safeHref } from '../format/labels';

/** A text from outside as paragraphs, headings and lists. Links only where a browser may go. */
export function Prose({ text }: { text: string }) {
  return (
    <div class="prose">
      {text
        .replace(/\r\n?/g, '\n')
        .split(/\n{2,}|\n(?=#{1,4} )|(?<=^#{1,4} [^\n]*)\n/m)
        .map((block) => block.trim())
        .filter((block) => block !== '')
        .map((block, i) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: the text does not change its order
          <Block key={i} block={block} />
        ))}
    </div>
  );
}

function Block({ block }: { block: string }) {
  const heading = /^#{1,4} +(.+)$/.exec(block);
  if (heading !== null && !block.includes('\n')) return <h3>{heading[1]}</h3>;
  const lines = block.split('\n');
  if (lines.every((line) => /^\s*(?:[-*]|\d+[.)]) /.test(line))) {
    return (
      <ul>
        {lines.map((line) => (
          <li key={line}>
            <Inline text={line.replace(/^\s*[-*] /, '')} />
          </li>
        ))}
      </ul>
    );
  }
  return (
    <p>
      <Inline text={block} />
    </p>
  );
}

/** `code` spans and bare addresses; everything else is text. */
export function Inline({ text }: { text: string }) {
  return (
    <>
      {text.split(/(`[^`\n]+`|https?:\/\/[^\s<>"')\]]+)/).map((piece, i) => {
        // biome-ignore lint/suspicious/noArrayIndexKey: the place is a piece's identity
        if (/^`.+`$/.test(piece)) return <code key={i}>{piece.slice(1, -1)}</code>;
        const href = safeHref(piece);
        if (href === null) return piece;
        return (
          // biome-ignore lint/suspicious/noArrayIndexKey: the place is a piece's identity
          <a key={i} href={href} target="_blank" rel="noopener noreferrer">
            {piece}
          </a>
        );
      })}
    </>
  );
}
