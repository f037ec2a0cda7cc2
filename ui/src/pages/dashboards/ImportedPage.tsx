import { useEffect, useMemo } from 'preact/hooks';
import { fetchImported, type Imported, type Variable } from '../../api/dashboards';
import { plural } from '../../format/number';
import { stepFor } from '../../format/steps';
import { Begins } from '../../panels/dataBegin';
import { PanelBox } from '../../panels/PanelBox';
import { PageContext } from '../../panels/pageContext';
import { Loadable, SkeletonRows } from '../../parts/Loadable';
import { Prose } from '../../parts/Prose';
import { bounds } from '../../state/clock';
import { ColourBook } from '../../state/colours';
import { hrefTo, param, params, range, setParams } from '../../state/url';
import { useQuery } from '../../state/useQuery';
import { asPanel, picked } from './importedPanel';
import './dashboards.css';

const ALL = '$__all';
// As wide as a chart gets on a desktop: the step is that of the queries' own windows.
const CHART_PX = 320;

/** A dashboard that was brought from Grafana. */
export function ImportedPage({ uid }: { uid: string }) {
  const { startMs, endMs } = bounds();
  const step = stepFor((endMs - startMs) / 1000, CHART_PX, 5);
  const values = picked(params.value);
  const asked = JSON.stringify([range.value, values]);
  const { remote, again } = useQuery(uid, asked, (abort) =>
    fetchImported(uid, values, { start: startMs / 1000, end: endMs / 1000, step }, abort),
  );
  const { value, error } = remote.value;
  if (error?.kind === 'not_found' && value === undefined) {
    return (
      <section class="empty">
        <h1>No imported dashboard is called {uid}</h1>
        <p class="button-row">
          <a class="button primary" href={hrefTo('/dashboards')}>
            All dashboards
          </a>
        </p>
      </section>
    );
  }
  return (
    <Loadable
      remote={remote}
      again={again}
      what="the dashboard"
      skeleton={<SkeletonRows rows={5} height={96} />}
    >
      {(imported) => <Shown imported={imported} />}
    </Loadable>
  );
}

function Shown({ imported }: { imported: Imported }) {
  const { uid, title, help, variables, rows, report } = imported;
  useEffect(() => {
    document.title = `${title} · Pyrometer`;
  }, [title]);
  // Colours and beginnings are of one dashboard.
  const context = useMemo(
    () => ({
      colours: new ColourBook(),
      spans: [],
      changedMs: null,
      note: null,
      begins: new Begins(),
    }),
    [uid],
  );
  const only = param('panel');
  return (
    <article class="service dashboard-page">
      <header>
        <p class="crumbs small">
          <a class="link" href={hrefTo('/dashboards')}>
            Dashboards
          </a>
        </p>
        <div class="page-head">
          <h1>{title}</h1>
          {variables
            .filter(({ hidden }) => !hidden)
            .map((variable) => (
              <Choice key={variable.name} variable={variable} />
            ))}
        </div>
        {help !== '' && <p class="dim small">{help}</p>}
        <Report report={report} />
      </header>
      <PageContext.Provider value={context}>
        <div class="dashboard">
          {rows.map((row, place) => (
            // Rows may share a title, and have nothing else of their own.
            <section key={`${place} ${row.title}`} class="panel-row">
              {row.title !== '' && <h2>{row.title}</h2>}
              <div class="panel-grid">
                {row.panels.map((panel) => {
                  const id = `${uid}:${panel.id}-${panel.copy}`;
                  if (only !== '' && only !== id) return null;
                  if (panel.type === 'text') {
                    return (
                      <section key={id} class="panel" style={{ '--span': panel.place.width }}>
                        {panel.title !== '' && <h3>{panel.title}</h3>}
                        <Prose text={panel.text ?? ''} />
                      </section>
                    );
                  }
                  return <PanelBox key={id} id={id} panel={asPanel(panel)} large={only !== ''} />;
                })}
              </div>
            </section>
          ))}
        </div>
      </PageContext.Provider>
    </article>
  );
}

function Choice({ variable }: { variable: Variable }) {
  const { name, label, options, chosen, include_all: all, free, trouble } = variable;
  const set = (value: string) => setParams({ [`var-${name}`]: value }, 'push');
  if (free) {
    return (
      <label class="grouping">
        <span class="dim">{label}</span>
        <input
          class="field"
          value={chosen[0] ?? ''}
          onChange={(event) => set(event.currentTarget.value)}
        />
      </label>
    );
  }
  return (
    <label class="grouping" title={trouble}>
      <span class="dim">{label}</span>
      <select
        class="button"
        value={chosen[0] ?? ''}
        disabled={options.length === 0}
        onChange={(event) => set(event.currentTarget.value)}
      >
        {options.length === 0 && <option value="">{trouble ?? 'nothing in this range'}</option>}
        {all && <option value={ALL}>All</option>}
        {options.map(({ text, value }) => (
          <option key={value} value={value}>
            {text}
          </option>
        ))}
      </select>
    </label>
  );
}

/** What of the dashboard is not here, in one line that opens. */
function Report({ report }: { report: Imported['report'] }) {
  const { panels, shown, left_out: left, remarks } = report;
  if (left.length === 0 && remarks.length === 0) return null;
  return (
    <details class="small dim">
      <summary>
        {shown} of {plural(panels, 'panel')} with the same queries; what is different
      </summary>
      <ul class="differences">
        {left.map(({ what, name, reason }) => (
          <li key={`${what} ${name} ${reason}`}>
            The {what} {name} is left out: {reason}
          </li>
        ))}
        {remarks.map(({ panel, text }) => (
          <li key={`${panel} ${text}`}>
            {panel}: {text}
          </li>
        ))}
      </ul>
    </details>
  );
}
