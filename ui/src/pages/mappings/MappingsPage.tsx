import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import {
  deleteMapping,
  fetchMappings,
  fetchMetricType,
  type Mapping,
  type Mappings,
  type SavedMapping,
  saveMapping,
} from '../../api/mappings';
import { sentence } from '../../format/labels';
import { lazily } from '../../parts/lazily';
import { Loadable, SkeletonRows } from '../../parts/Loadable';
import { author } from '../../state/settings';
import { hrefTo, param, setParams } from '../../state/url';
import { useQuery } from '../../state/useQuery';
import { type Draft, draftOf, EMPTY, KPIS, mappingOf, TYPES } from './draft';
import { MappingForm } from './MappingForm';
import './mappings.css';

// The chart of the preview weighs more than the form.
const LazyPreview = lazily<{ mapping: Mapping }>(
  async () => (await import('./MappingPreview')).MappingPreview,
  <div class="chart-skeleton" style={{ height: '152px' }} />,
);

/** Metrics of one's own that are KPIs: the list, and the form that makes one. */
export function MappingsPage() {
  useEffect(() => {
    document.title = 'Your metrics · Library · Pyrometer';
  }, []);
  const { remote, again } = useQuery('mappings', '', fetchMappings);
  return (
    <section class="mappings">
      <div class="page-head">
        <div>
          <p class="crumbs small">
            <a class="link" href={hrefTo('/library')}>
              Library
            </a>
          </p>
          <h1>Your metrics</h1>
        </div>
        <button
          type="button"
          class="button primary"
          onClick={() => setParams({ edit: 'new' }, 'push')}
        >
          Map a metric
        </button>
      </div>
      <p class="dim lead">
        Say once what a metric of yours measures and whose it is; then it is judged as the KPIs of
        packs are, and seen on the pages of its service.
      </p>
      <Loadable
        remote={remote}
        again={again}
        what="the mappings"
        skeleton={<SkeletonRows rows={4} height={36} />}
      >
        {(mappings) => <Everything mappings={mappings} again={again} />}
      </Loadable>
    </section>
  );
}

function Everything({ mappings, again }: { mappings: Mappings; again: () => void }) {
  const edited = param('edit');
  const saved = mappings.mappings.find(({ id }) => id !== null && String(id) === edited);
  const close = () => {
    setParams({ edit: null });
    again();
  };
  return (
    <>
      {(edited === 'new' || saved !== undefined) && (
        <Editor key={edited} saved={saved ?? null} onDone={close} />
      )}
      {mappings.mappings.length === 0 ? (
        edited === '' && (
          <div class="empty">
            <h2>Nothing is mapped yet</h2>
            <p class="dim">
              A counter of orders, a gauge of a queue, a histogram of your own: no PromQL is needed.
            </p>
          </div>
        )
      ) : (
        <MappingList mappings={mappings.mappings} again={again} />
      )}
      <Audit mappings={mappings} />
    </>
  );
}

function Editor({ saved, onDone }: { saved: SavedMapping | null; onDone: () => void }) {
  const draft = useSignal<Draft>(saved === null ? EMPTY : draftOf(saved.mapping));
  const failed = useSignal('');
  const mapping = mappingOf(draft.value);
  const metric = draft.value.metric.trim();
  // What the exporter says of a metric need not be typed.
  const said = useQuery(metric, '', (abort) => fetchMetricType(metric, abort), {
    enabled: metric !== '' && saved === null,
    live: false,
  });
  const type = said.remote.value.value?.[metric]?.[0]?.type ?? '';
  useEffect(() => {
    if (TYPES.includes(type)) draft.value = { ...draft.peek(), type };
  }, [type]);
  const save = async () => {
    try {
      await saveMapping(mapping, author.peek(), saved?.id ?? null);
      onDone();
    } catch (error) {
      failed.value = sentence(error instanceof Error ? error.message : String(error));
    }
  };
  return (
    <form
      class="mapping-editor"
      aria-label={saved === null ? 'Map a metric' : 'Change the mapping'}
      onSubmit={(event) => {
        event.preventDefault();
        void save();
      }}
    >
      <div>
        <MappingForm draft={draft} />
        <Foot failed={failed.value} ready={metric !== ''} onCancel={onDone} />
      </div>
      <section aria-label="Preview">
        <h2>What it would give</h2>
        {metric === '' ? (
          <p class="dim">Choose a metric to see it.</p>
        ) : (
          <LazyPreview mapping={mapping} />
        )}
      </section>
    </form>
  );
}

function Foot({
  failed,
  ready,
  onCancel,
}: {
  failed: string;
  ready: boolean;
  onCancel: () => void;
}) {
  return (
    <div class="mapping-foot">
      <label class="mapping-line">
        <span>Who</span>
        <input
          class="field"
          placeholder="Your name"
          autocomplete="name"
          value={author.value}
          onInput={(event) => {
            author.value = event.currentTarget.value;
          }}
        />
      </label>
      <div class="button-row">
        <button
          type="submit"
          class="button primary"
          disabled={!ready || author.value.trim() === ''}
        >
          Save
        </button>
        <button type="button" class="button" onClick={onCancel}>
          Cancel
        </button>
      </div>
      <p class="wrong" role="alert">
        {failed}
      </p>
    </div>
  );
}

function MappingList({ mappings, again }: { mappings: SavedMapping[]; again: () => void }) {
  const failed = useSignal('');
  const remove = async (id: number, name: string) => {
    if (!window.confirm(`Delete the mapping ${name}?`)) return;
    try {
      await deleteMapping(id, author.peek() === '' ? 'somebody' : author.peek());
      again();
    } catch (error) {
      failed.value = sentence(error instanceof Error ? error.message : String(error));
    }
  };
  return (
    <div class="scroll-x">
      <table class="list mapping-list">
        <thead>
          <tr>
            <th scope="col">Mapping</th>
            <th scope="col">KPI</th>
            <th scope="col">Whose</th>
            <th scope="col">Made</th>
            <th scope="col">
              <span class="hidden">Change</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {mappings.map((one) => (
            <Row key={one.id ?? nameOf(one)} saved={one} onDelete={remove} />
          ))}
        </tbody>
      </table>
      <p class="wrong" role="alert">
        {failed.value}
      </p>
    </div>
  );
}

const nameOf = ({ mapping }: SavedMapping) =>
  mapping.name ?? String(mapping.metric ?? mapping.sum ?? '');

function Row({
  saved,
  onDelete,
}: {
  saved: SavedMapping;
  onDelete: (id: number, name: string) => Promise<void>;
}) {
  const { id, mapping, by, at, queries } = saved;
  const name = nameOf(saved);
  return (
    <tr class="row">
      <th scope="row">
        <a class="link cut" href={hrefTo('/graph', { 'g0.expr': queries[0]?.query ?? '' })}>
          {name}
        </a>
      </th>
      <td>{KPIS[mapping.kpi] ?? mapping.kpi}</td>
      <td>
        {mapping.entity.type} <code>{(mapping.entity.label ?? []).join(', ')}</code>
      </td>
      <td class="dim">{id === null ? 'in the file' : `${by ?? ''}, ${dayOf(at)}`}</td>
      <td>
        {id === null ? (
          <span class="tag">set in the file</span>
        ) : (
          <span class="button-row">
            <button
              type="button"
              class="button"
              onClick={() => setParams({ edit: String(id) }, 'push')}
            >
              Edit
            </button>
            <button type="button" class="button" onClick={() => void onDelete(id, name)}>
              Delete
            </button>
          </span>
        )}
      </td>
    </tr>
  );
}

const dayOf = (at: string | undefined) => (at ?? '').slice(0, 10);

function Audit({ mappings: { audit } }: { mappings: Mappings }) {
  if (audit.length === 0) return null;
  return (
    <details class="audit">
      <summary>Who changed what</summary>
      <ul>
        {audit.map(({ at, by, what }) => (
          <li key={`${at} ${what}`}>
            <span class="num dim">{at.slice(0, 16).replace('T', ' ')}</span> {by} {what}
          </li>
        ))}
      </ul>
    </details>
  );
}
