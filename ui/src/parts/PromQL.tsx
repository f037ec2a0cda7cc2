import { promqlTokens } from './promqlTokens';

/** PromQL in colours. Words that the tokens do not know stay as they are. */
export function PromQL({ expr }: { expr: string }) {
  return (
    <code class="promql">
      {promqlTokens(expr).map(({ kind, text }, i) =>
        kind === 'plain' ? (
          text
        ) : (
          // The place is a token's identity.
          <span key={i} class={`pq-${kind}`}>
            {text}
          </span>
        ),
      )}
    </code>
  );
}
