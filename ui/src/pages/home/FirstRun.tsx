import { CodeLine } from '../../parts/CodeLine';
import './first-run.css';

const IMPORT = 'from pyrometer.flask import PrometheusMetrics';
const INIT = 'metrics = PrometheusMetrics(app)';

/** Home before the first service: what to do, in the order to do it. */
export function FirstRun() {
  return (
    <section class="first-run">
      <h1>Waiting for the first service</h1>
      <p class="dim">
        Pyrometer runs and looks for Python processes on this machine. A process that uses the
        package is found within 5 s, without configuration, and this page fills itself.
      </p>
      <ol class="first-steps">
        <li>
          <h2>Install the package where your app runs</h2>
          <CodeLine text="pip install pyrometer" />
        </li>
        <li>
          <h2>Add one line, and its import, to the app</h2>
          <CodeLine text={`${IMPORT}\n${INIT}`}>
            <span class="faint">{IMPORT}</span>
            {'\n'}
            {INIT}
          </CodeLine>
          <p class="dim small">
            Do you use prometheus_flask_exporter or prometheus_client? Then only the import line
            changes.
          </p>
        </li>
        <li>
          <h2>Start it with a name</h2>
          <CodeLine text="PYROMETER_SERVICE=shop gunicorn --workers 2 app:app" />
          <p class="dim small">Without the variable the service is called as the Flask app is.</p>
        </li>
      </ol>
      <div class="first-else">
        <h2>Something has a /metrics page already?</h2>
        <p class="dim">
          Name it in a prometheus.yml, as for Prometheus, and start Pyrometer with that file:
        </p>
        <CodeLine text="pyrometer up --config prometheus.yml" />
      </div>
      <p class="faint small">
        Nothing appears? The app must run on this machine and as the same user as Pyrometer. No
        account, no telemetry: nothing leaves this machine.
      </p>
    </section>
  );
}
