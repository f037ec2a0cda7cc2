import type { SavedOverride } from '../../api/overrides';
import type { Parameter } from '../../api/packs';
import { speakText } from '../../format/units';
import { OverrideList } from './Tuning';

/** The numbers of the pack that can be tuned, and what a user changed. */
export function Parameters({
  parameters,
  overrides,
  file,
  onTune,
  again,
}: {
  parameters: Parameter[];
  overrides: SavedOverride[];
  /** The file whose overrides decide; null if there is none. */
  file: string | null;
  onTune: (parameter: Parameter) => void;
  again: () => void;
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
              <th scope="col">
                <span class="hidden">Change</span>
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
                <td class="col-tune">
                  <button
                    type="button"
                    class="button"
                    aria-label={`Change ${one.name}`}
                    onClick={() => onTune(one)}
                  >
                    Change
                  </button>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <OverrideList overrides={overrides} file={file} unitOf={unitOf} again={again} />
    </section>
  );
}
