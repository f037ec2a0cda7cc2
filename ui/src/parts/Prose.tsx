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
          // The text does not change its order.
          <Block key={i} block={block} />
        ))}
    </div>
  );
}

function Block({ block }: { block: string }) {
  const heading = /^#{1,4} +(.+)$/.exec(block);
  if (heading !== null && !block.includes('\n')) return <h3>{heading[1]}</h3>;
  const lines = block.split('\n');
  const List = listOf(lines);
  if (List !== null) {
    return (
      <List>
        {lines.map((line) => (
          <li key={line}>
            <Inline text={line.replace(/^\s*(?:[-*]|\d+[.)]) +/, '')} />
          </li>
        ))}
      </List>
    );
  }
  return (
    <p>
      <Inline text={block} />
    </p>
  );
}

/** The list that these lines are, if each of them is an item of it. */
function listOf(lines: string[]): 'ul' | 'ol' | null {
  if (lines.every((line) => /^\s*[-*] /.test(line))) return 'ul';
  return lines.every((line) => /^\s*\d+[.)] /.test(line)) ? 'ol' : null;
}

/** `code` spans, **strong** words and bare addresses; everything else is text. */
export function Inline({ text }: { text: string }) {
  return (
    <>
      {text.split(/(`[^`\n]+`|\*\*[^*\n]+\*\*|https?:\/\/[^\s<>"')\]]+)/).map((piece, i) => {
        // The place is a piece's identity.
        if (/^`.+`$/.test(piece)) return <code key={i}>{piece.slice(1, -1)}</code>;
        // The place is a piece's identity.
        if (/^\*\*.+\*\*$/.test(piece)) return <strong key={i}>{piece.slice(2, -2)}</strong>;
        const href = safeHref(piece);
        if (href === null) return piece;
        return (
          // The place is a piece's identity.
          <a key={i} href={href} target="_blank" rel="noopener noreferrer">
            {piece}
          </a>
        );
      })}
    </>
  );
}
