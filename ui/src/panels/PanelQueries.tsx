import type { Panel } from '../api/service';
import { CodeLine } from '../parts/CodeLine';
import { PromQL } from '../parts/PromQL';
import { hrefTo } from '../state/url';

/** What the panel shows in words, and the PromQL it comes from. */
export function PanelQueries({ panel, explained }: { panel: Panel; explained: boolean }) {
  return (
    <div class="panel-queries">
      {!explained && panel.help && <p class="dim">{panel.help}</p>}
      {panel.queries.map(({ expr, legend }) => (
        <div key={expr}>
          {panel.queries.length > 1 && <p class="small faint">{legend}</p>}
          <CodeLine text={expr}>
            <PromQL expr={expr} />
          </CodeLine>
          <p class="small">
            <a class="link" href={hrefTo('/graph', { 'g0.expr': expr })}>
              Ask something like it
            </a>
          </p>
        </div>
      ))}
    </div>
  );
}
