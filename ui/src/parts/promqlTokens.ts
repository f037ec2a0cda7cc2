export type TokenKind = 'word' | 'text' | 'number' | 'label' | 'comment' | 'plain';
export type Token = { kind: TokenKind; text: string };

const KEYWORDS = new Set(
  'by without on ignoring group_left group_right and or unless bool offset start end atan2'.split(
    ' ',
  ),
);

const RULES: [TokenKind, RegExp][] = [
  ['comment', /#[^\n]*/y],
  ['text', /"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`[^`]*`/y],
  [
    'number',
    /(?:0x[0-9a-f]+|\d+(?:\.\d+)?(?:e[+-]?\d+)?(?:ms|[smhdwy])?(?:\d+(?:ms|[smhdwy]))*)\b/iy,
  ],
  ['label', /[A-Za-z_]\w*(?=\s*(?:=~|!~|!=|=(?!=)))/y],
  ['word', /[A-Za-z_:][\w:]*/y],
  ['plain', /\s+|[^\sA-Za-z_:"'`#\d]+/y],
];

/** Cuts PromQL into coloured pieces. For the eye only: it accepts anything and loses nothing. */
export function promqlTokens(expr: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  while (at < expr.length) {
    const token = tokenAt(expr, at);
    tokens.push(token);
    at += token.text.length;
  }
  return tokens;
}

function tokenAt(expr: string, at: number): Token {
  for (const [kind, rule] of RULES) {
    rule.lastIndex = at;
    const text = rule.exec(expr)?.[0];
    if (text === undefined || text === '') continue;
    if (kind !== 'word') return { kind, text };
    // A word is coloured if it is a keyword or is called; names of metrics stay plain.
    const called = /^\s*(?:\(|by\b|without\b)/.test(expr.slice(at + text.length));
    return { kind: KEYWORDS.has(text) || called ? 'word' : 'plain', text };
  }
  return { kind: 'plain', text: expr.charAt(at) };
}
