import type { Parameter } from '../../api/packs';
import { speakText } from '../../format/units';

/** The numbers of the pack that can be tuned, and which were. */
export function Parameters({ parameters }: { parameters: Parameter[] }) {
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
            </tr>
          </thead>
          <tbody>
            {parameters.map((one) => {
              const tuned = one.value !== undefined && one.value !== one.default;
              return (
                <tr key={one.name} class="row">
                  <th scope="row">
                    <code>{one.name}</code>
                  </th>
                  <td>{one.title}</td>
                  <td class="num">
                    {tuned && <span class="tag">changed</span>}{' '}
                    {speakText(one.value ?? one.default, one.unit)}
                  </td>
                  <td class="num dim">{speakText(one.default, one.unit)}</td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
    </section>
  );
}
