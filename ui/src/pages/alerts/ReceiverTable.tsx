import { useSignal } from '@preact/signals';
import type { VNode } from 'preact';
import { ApiError } from '../../api/client';
import { type Receivers, type TestResult, testReceiver, type Way } from '../../api/notifications';
import { sentence } from '../../format/labels';
import { plural, whole } from '../../format/number';
import { parseTime } from '../../format/time';
import { Ago } from '../../parts/Ago';
import { type ShapeState, StateBadge } from '../../parts/StateBadge';
import { hrefTo, param } from '../../state/url';

const STATES: Record<Way['state'], { state: ShapeState; word: string }> = {
  good: { state: 'good', word: 'The last message arrived' },
  failing: { state: 'critical', word: 'Does not get through; it is tried again' },
  failed: { state: 'critical', word: 'The last message was given up' },
  unused: { state: 'unknown', word: 'Nothing was sent yet' },
};

/** Each way to tell somebody: does it work, when did it last, what waits. */
export function ReceiverTable({ receivers, again }: { receivers: Receivers; again: () => void }) {
  return (
    <section>
      <h2>
        Receivers{' '}
        {receivers.file !== null && <span class="faint small mono">{receivers.file}</span>}
      </h2>
      <div class="scroll-x">
        <table class="list alerts receivers">
          <thead>
            <tr>
              <th scope="col">
                <span class="hidden">State</span>
              </th>
              <th scope="col">Receiver</th>
              <th scope="col">By</th>
              <th scope="col" class="col-summary">
                How it does
              </th>
              <th scope="col" class="num">
                Waiting
              </th>
              <th scope="col" class="num">
                Last arrived
              </th>
              <th scope="col">
                <span class="hidden">Test</span>
              </th>
            </tr>
          </thead>
          {receivers.receivers.map(({ name, integrations }) => (
            <Receiver key={name} name={name} ways={integrations} again={again} />
          ))}
          {receivers.alertmanagers.map((one) => (
            <tbody key={one.url}>
              <tr class="row">
                <td class="col-state">
                  <StateBadge
                    state={one.lastError !== null ? 'critical' : one.sent > 0 ? 'good' : 'unknown'}
                    quiet
                    word={one.lastError ?? 'Takes alerts'}
                  />
                </td>
                <th scope="row" class="col-name">
                  <span class="name cut" title={one.url}>
                    {one.url}
                  </span>
                </th>
                <td class="col-service">Alertmanager</td>
                <td class="col-summary">
                  <span class={`cut ${one.lastError === null ? 'dim' : 'critical-text'}`}>
                    {one.lastError ?? `${whole(one.sent)} alerts sent`}
                    {one.dropped > 0 && `, ${whole(one.dropped)} dropped`}
                  </span>
                </td>
                <td />
                <td class="num dim col-since">
                  <Ago ms={parseTime(one.lastSent)} />
                </td>
                <td />
              </tr>
            </tbody>
          ))}
        </table>
      </div>
    </section>
  );
}

function Receiver({ name, ways, again }: { name: string; ways: Way[]; again: () => void }) {
  const testing = useSignal(false);
  const results = useSignal<TestResult[]>([]);
  const failed = useSignal('');
  const test = async () => {
    if (testing.peek()) return;
    testing.value = true;
    failed.value = '';
    results.value = [];
    try {
      results.value = (await testReceiver(name)).data.results;
      again();
    } catch (error) {
      failed.value = error instanceof ApiError ? sentence(error.message) : String(error);
    }
    testing.value = false;
  };
  return (
    <tbody>
      {ways.length === 0 && <NobodyRow name={name} />}
      {ways.map((way, i) => (
        <WayRow
          key={way.integration}
          name={name}
          way={way}
          test={
            i > 0 ? null : (
              <button
                type="button"
                class="text-button"
                aria-label={`Send a test to ${name}`}
                disabled={testing.value}
                onClick={() => void test()}
              >
                {testing.value ? 'Sending …' : 'Test'}
              </button>
            )
          }
        />
      ))}
      {(failed.value !== '' || results.value.length > 0) && (
        <tr class="detail-row">
          <td />
          <td colSpan={6}>
            <div role="status" class="test-results">
              {failed.value !== '' && <p class="wrong">{failed.value}</p>}
              {results.value.map(({ integration, ok, answer }) => (
                <p key={integration}>
                  <StateBadge
                    state={ok ? 'good' : 'critical'}
                    word={ok ? 'The test arrived' : 'The test did not arrive'}
                  />{' '}
                  <span class="dim">
                    {integration}: {answer}
                  </span>
                </p>
              ))}
            </div>
          </td>
        </tr>
      )}
    </tbody>
  );
}

function NobodyRow({ name }: { name: string }) {
  return (
    <tr class="row unknown">
      <td class="col-state">
        <StateBadge state="unknown" hollow quiet word="Tells nobody" />
      </td>
      <th scope="row" class="col-name">
        <span class="name cut">{name}</span>
      </th>
      <td class="col-service" />
      <td class="col-summary dim">Tells nobody: what is routed here is only shown.</td>
      <td />
      <td />
      <td />
    </tr>
  );
}

function WayRow({ name, way, test }: { name: string; way: Way; test: VNode | null }) {
  const { state, word } = STATES[way.state];
  const bad = way.state === 'failing' || way.state === 'failed';
  const chosen = param('receiver') === name;
  return (
    <tr class={`row ${state}`}>
      <td class="col-state">
        <StateBadge state={state} hollow={way.state === 'unused'} quiet word={word} />
      </td>
      <th scope="row" class="col-name">
        <a
          class="row-link"
          data-row
          title={chosen ? 'All messages below' : 'Only messages to it below'}
          href={hrefTo('/alerts/notifications', chosen ? {} : { receiver: name })}
        >
          <span class="name cut">{name}</span>
        </a>
      </th>
      <td class="col-service">
        <span class="cut">{way.kind}</span>
      </td>
      <td class="col-summary">
        <span class={`cut ${bad ? 'critical-text' : 'dim'}`} title={way.lastError ?? word}>
          {word}
          {bad && way.lastError !== null && `: ${way.lastError}`}
        </span>
      </td>
      <td class="num wide-only">
        {way.waiting > 0 && (
          <span title={plural(way.waiting, 'message')}>
            {whole(way.waiting)}, oldest <Ago ms={parseTime(way.oldestWaiting)} />
          </span>
        )}
      </td>
      <td class="num dim col-since">
        <Ago ms={parseTime(way.lastSent)} />
      </td>
      <td class="col-acts">{test}</td>
    </tr>
  );
}
