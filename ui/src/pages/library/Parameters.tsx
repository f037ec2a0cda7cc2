import type { Override, Parameter } from '../../api/packs';
import { speakText } from '../../format/units';

/** The numbers of the pack that can be tuned, and what a user changed. */
export function Parameters({
  parameters,
  overrides,
}: {
  parameters: Parameter[];
  overrides: Override[];
}) {
  if (parameters.length === 0 && overrides.length === 0) return null;
  const unitOf = (name: string) => parameters.find((one) => one.name === name)?.unit ?? 'short';
  return (
    <section>
      <h2>Parameters</h2>
      <div class="scroll-x">
        <table class="list parameters">
          <thead>
            <tr>
              <th scope="col">Parameter</th>
              <th scope="col">What it is</th>
              <th scope="col" class="num">
                Now
              </th>
              <th scope="col" class="num">
                Default
              </th>
              <th scope="col" class="num wide-only">
                Between
              </th>
            </tr>
          </thead>
          <tbody>
            {parameters.map((one) => (
              <tr key={one.name} class="row">
                <th scope="row">
                  <code class="cut">{one.name}</code>
                </th>
                <td>{one.title}</td>
                <td class="num">
                  {one.value !== one.default && <span class="tag">changed</span>}{' '}
                  {speakText(one.value, one.unit)}
                </td>
                <td class="num dim">{speakText(one.default, one.unit)}</td>
                <td class="num dim wide-only">
                  {speakText(one.min, one.unit)} – {speakText(one.max, one.unit)}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {overrides.length > 0 && (
        <ul class="overrides" aria-label="What was changed">
          {overrides.map((one) => (
            <li key={one.line}>
              <span class="faint small num">line {one.line}</span> {one.alert ?? 'all alerts'}
              {one.where !== '' && (
                <>
                  {' '}
                  for <code>{one.where}</code>
                </>
              )}
              : {changeText(one, unitOf)}
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

/** `error_ratio 10 %, switched off` */
export function changeText({ set, off }: Override, unitOf: (name: string) => string): string {
  const values = Object.entries(set).map(
    ([name, value]) => `${name} ${speakText(value, unitOf(name))}`,
  );
  if (off !== null) values.push(off ? 'switched off' : 'switched on again');
  return values.join(', ');
}
