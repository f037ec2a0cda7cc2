import type { Dashboard, Panel } from '../../api/service';
import { hrefTo } from '../../state/url';
import { PanelBox } from '../../panels/PanelBox';

/** The panels' address in the URL: `flask/overview:rate`. */
export const panelId = (dashboard: Dashboard, panel: Panel) => `${dashboard.id}:${panel.id}`;

export function Dashboards({ dashboards, only }: { dashboards: Dashboard[]; only: string }) {
  if (dashboards.length === 0) {
    return (
      <section class="empty">
        <h2>No charts yet</h2>
        <p class="dim">
          They come by themselves once a pack recognises what this service exposes. How it is
          scraped is under{' '}
          <a class="link" href={hrefTo('/targets')}>
            Targets
          </a>
          .
        </p>
      </section>
    );
  }
  for (const dashboard of dashboards) {
    for (const panel of dashboard.rows.flatMap((row) => row.panels)) {
      const id = panelId(dashboard, panel);
      if (id !== only) continue;
      return (
        <div class="panel-grid">
          <PanelBox key={id} id={id} panel={panel} large />
        </div>
      );
    }
  }
  return (
    <>
      {dashboards.map((dashboard) => (
        <section key={dashboard.id} class="dashboard" aria-label={dashboard.title}>
          {dashboard.rows.map((row) => (
            <section key={row.title} class="panel-row">
              <h2>
                {row.title}
                <span class="faint small">{dashboard.title}</span>
              </h2>
              <div class="panel-grid">
                {row.panels.map((panel) => (
                  <PanelBox
                    key={panel.id}
                    id={panelId(dashboard, panel)}
                    panel={panel}
                    large={false}
                  />
                ))}
              </div>
            </section>
          ))}
        </section>
      ))}
    </>
  );
}
