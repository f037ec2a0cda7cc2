import { type Token, promqlTokens } from '../../parts/promqlTokens';

/** What to draw of a rule: the number that it watches, and the limit that it compares it with. */
export type RuleChart = {
  /** PromQL for the number. */
  expr: string;
  /** The limit, if it is one number. */
  limit: number | null;
  /** PromQL for the limit, if it is none. */
  limitExpr: string | null;
  /** `>`, `<=`, …, or null where it compares nothing: it fires as long as there is a value. */
  compares: string | null;
};

/**
 * Takes a rule's expression apart. Of `a > 1 and b > 2` the first comparison is drawn: its value is
 * the alert's value, the others are conditions. `round((a > 1), 0.1)` is looked into.
 */
export function ruleChart(expr: string): RuleChart {
  const text = firstOperand(unwrapped(expr));
  const inner = unwrapped(text);
  if (inner !== text) return ruleChart(inner);
  const found = comparisonIn(text);
  if (found === null) return { expr: text, limit: null, limitExpr: null, compares: null };
  const left = found.left.trim();
  const right = found.right.replace(/^\s*bool\b/, '').trim();
  const [leftNumber, rightNumber] = [numberOf(left), numberOf(right)];
  if (leftNumber !== null && rightNumber === null) {
    return { expr: right, limit: leftNumber, limitExpr: null, compares: MIRRORED[found.op] ?? '' };
  }
  const limitExpr = rightNumber === null ? withoutMatching(right) : null;
  return { expr: left, limit: rightNumber, limitExpr, compares: found.op };
}

const MIRRORED: Record<string, string> = {
  '>': '<',
  '<': '>',
  '>=': '<=',
  '<=': '>=',
  '==': '==',
  '!=': '!=',
};

/** Tokens with how deep in brackets each stands. Strings and comments are no brackets. */
function levels(expr: string): (Token & { at: number; depth: number })[] {
  let at = 0;
  let depth = 0;
  const pieces = promqlTokens(expr).flatMap(({ kind, text }) =>
    // Operators and brackets come glued together: `) > (`.
    kind === 'plain' && !/^[A-Za-z_:]/.test(text)
      ? (text.match(/[()[\]{}]|==|!=|>=|<=|=~|!~|[<>]|\s+|[^\s()[\]{}<>=!]+|[=!]/g) ?? []).map(
          (piece) => ({ kind, text: piece }),
        )
      : [{ kind, text }],
  );
  return pieces.map(({ kind, text }) => {
    if (kind === 'plain' && /^[)\]}]$/.test(text)) depth -= 1;
    const placed = { kind, text, at, depth };
    if (kind === 'plain' && /^[([{]$/.test(text)) depth += 1;
    at += text.length;
    return placed;
  });
}

/** What stands before the first `and`, `or` or `unless` outside of brackets. */
function firstOperand(expr: string): string {
  const end = levels(expr).find(
    ({ depth, text, kind }) => depth === 0 && kind !== 'text' && /^(?:and|or|unless)$/i.test(text),
  );
  return (end === undefined ? expr : expr.slice(0, end.at)).trim();
}

function comparisonIn(expr: string): { left: string; op: string; right: string } | null {
  const found = levels(expr).find(
    ({ depth, text, kind }) => depth === 0 && kind !== 'text' && /^(?:==|!=|>=|<=|<|>)$/.test(text),
  );
  if (found === undefined) return null;
  const { at, text } = found;
  return { left: expr.slice(0, at), op: text, right: expr.slice(at + text.length) };
}

// They change how a value looks, not what is compared.
const COSMETIC = /^(?:round|ceil|floor|sort|sort_desc)\s*\(/i;

/** Without the brackets, or the rounding, around the whole expression. */
function unwrapped(expr: string): string {
  const text = expr.trim();
  const call = COSMETIC.exec(text);
  if (!text.startsWith('(') && call === null) return text;
  const open = call === null ? 0 : call[0].length - 1;
  const tokens = levels(text);
  const close = tokens.find(
    ({ at, depth, text: piece }) => at > open && depth === 0 && piece === ')',
  );
  if (close === undefined || text.slice(close.at + 1).trim() !== '') return text;
  const inner = text.slice(open + 1, close.at);
  // `round(x, 0.1)`: the second argument is how, not what.
  const comma = levels(inner).find(({ depth, text: piece }) => depth === 0 && piece.includes(','));
  const value = call === null || comma === undefined ? inner : inner.slice(0, comma.at);
  // Rounding alone stays: what is compared with is the rounded number.
  if (call !== null && comparisonIn(firstOperand(unwrapped(value))) === null) return text;
  return unwrapped(value);
}

/** `on (job) group_left () x` → `x`: alone it matches with nothing. */
function withoutMatching(expr: string): string {
  return expr
    .replace(/^(?:on|ignoring)\s*\([^)]*\)\s*/i, '')
    .replace(/^group_(?:left|right)\s*(?:\([^)]*\))?\s*/i, '');
}

/** `14.4 * 0.01`, `5 * 60`, `-1`: plain arithmetic of numbers. Null for anything else. */
export function numberOf(expr: string): number | null {
  const text = expr.trim().replace(/^\((.*)\)$/s, '$1');
  if (!/^[\d.eE+\-*/\s]+$/.test(text)) return null;
  const terms = text.match(/(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|[+\-*/]/gi);
  if (terms === null || terms.join('') !== text.replace(/\s+/g, '')) return null;
  // Products first, then sums: an operator where a number is due is its sign.
  const sums: number[] = [];
  let op = '+';
  let sign = 1;
  let due = true;
  for (const term of terms) {
    if (/^[+\-*/]$/.test(term)) {
      if (due && term === '-') sign = -sign;
      else if (due && term !== '+') return null;
      else if (!due) {
        op = term;
        due = true;
      }
      continue;
    }
    if (!due) return null;
    const value = sign * Number(term);
    if (op === '*') sums.push((sums.pop() ?? 0) * value);
    else if (op === '/') sums.push((sums.pop() ?? 0) / value);
    else sums.push(op === '-' ? -value : value);
    sign = 1;
    due = false;
  }
  if (due) return null;
  const total = sums.reduce((sum, value) => sum + value, 0);
  // `14.4 * 0.01` is 0.144 to people; in binary it is not quite.
  return Number.isFinite(total) ? Number(total.toPrecision(12)) : null;
}

const LABEL_LISTS = /^(?:by|without|on|ignoring|group_left|group_right)$/i;
const NO_METRIC = /^(?:inf|nan)$/i;

/**
 * The expression with `matchers` in each of its selectors: an alert of one of 300 instances needs
 * the curve of that one. Where a label does not reach the result by itself, the answer is empty.
 */
export function narrowed(expr: string, matchers: string): string {
  if (matchers === '') return expr;
  const tokens = levels(expr).filter(({ text }) => text !== '');
  let text = '';
  let inBraces = false;
  // The depth at which a list of labels began, whose words are no metrics.
  let listDepth: number | null = null;
  let listDue = false;
  for (let i = 0; i < tokens.length; i += 1) {
    const token = tokens[i];
    if (token === undefined) break;
    text += token.text;
    if (token.kind === 'comment' || /^\s+$/.test(token.text)) continue;
    if (token.kind === 'word') listDue = LABEL_LISTS.test(token.text);
    else if (token.text === '(') {
      if (listDue) listDepth = token.depth;
      listDue = false;
    } else if (token.text === ')' && token.depth === listDepth) listDepth = null;
    else if (token.text === '{') {
      inBraces = true;
      text += tokens[i + 1]?.text === '}' ? matchers : `${matchers},`;
    } else if (token.text === '}') inBraces = false;
    else {
      const isMetric =
        token.kind === 'plain' && /^[A-Za-z_:]/.test(token.text) && !NO_METRIC.test(token.text);
      if (!isMetric || inBraces || listDepth !== null) continue;
      const next = tokens.slice(i + 1).find((one) => !/^\s+$/.test(one.text));
      if (next?.text !== '{') text += `{${matchers}}`;
    }
  }
  return text;
}
