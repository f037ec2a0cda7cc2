import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { Panel } from '../../api/service';
import { PanelBox } from '../../panels/PanelBox';
import { hrefTo, param, setParams } from '../../state/url';
import './expression.css';

const asked = (expr: string, type: Panel['type'], title: string): Panel => ({
  id: type,
  title,
  type,
  unit: 'short',
  width: 24,
  queries: [{ expr, legend: '', instant: type === 'table' }],
});

/**
 * Any expression over the chosen range, and what it is now. The address is Prometheus's: links in
 * alerts and in other people's notes lead here.
 */
export function ExpressionPage() {
  const expr = param('g0.expr');
  const draft = useSignal(expr);
  // Another link leads to another expression.
  useEffect(() => {
    draft.value = expr;
  }, [expr]);
  useEffect(() => {
    document.title = 'Expression · Pyrometer';
  }, []);
  const ask = () => setParams({ 'g0.expr': draft.value.trim() }, 'push');
  return (
    <section class="expression">
      <div class="page-head">
        <h1>Expression</h1>
      </div>
      <form
        class="ask"
        onSubmit={(event) => {
          event.preventDefault();
          ask();
        }}
      >
        <label class="grow">
          <span class="small dim">PromQL</span>
          <textarea
            class="field mono"
            rows={Math.min(8, Math.max(2, draft.value.split('\n').length))}
            spellcheck={false}
            value={draft.value}
            onInput={(event) => {
              draft.value = event.currentTarget.value;
            }}
            onKeyDown={(event) => {
              if (event.key !== 'Enter' || event.shiftKey) return;
              event.preventDefault();
              ask();
            }}
          />
        </label>
        <button type="submit" class="button primary">
          Ask
        </button>
      </form>
      {expr === '' ? (
        <div class="empty">
          <h2>No expression yet</h2>
          <p class="dim">
            Write PromQL above, for example <code>sum by (job) (up)</code>. Panels of every{' '}
            <a class="link" href={hrefTo('/dashboards')}>
              dashboard
            </a>{' '}
            show theirs under “Open query”.
          </p>
        </div>
      ) : (
        <div class="panel-grid" key={expr}>
          <PanelBox id="over-time" panel={asked(expr, 'timeseries', 'Over time')} large={false} />
          <PanelBox id="now" panel={asked(expr, 'table', 'At the end')} large={false} />
        </div>
      )}
    </section>
  );
}
