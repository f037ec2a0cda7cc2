import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { ApiError } from '../../api/client';
import {
  type ActBody,
  actOn,
  fetchIncidents,
  fetchPostmortem,
  type IncidentAct,
  type IncidentDetail,
} from '../../api/incidents';
import { entityId, kindWord } from '../../diagnosis/entity';
import { sentence } from '../../format/labels';
import { CopyButton } from '../../parts/CopyButton';
import { Icon } from '../../parts/Icon';
import { Loadable } from '../../parts/Loadable';
import { author } from '../../state/settings';
import { useQuery } from '../../state/useQuery';
import './acts.css';

export type Act = IncidentAct | 'postmortem';

const WORDS: Record<IncidentAct, { title: string; does: string; explains: string }> = {
  acknowledge: {
    title: 'Look after it',
    does: 'I look after it',
    explains: 'Others see that somebody is at it. It is not repeated to those who were told.',
  },
  comment: { title: 'Comment', does: 'Add', explains: 'It stands in the timeline.' },
  resolve: {
    title: 'Resolve',
    does: 'Resolve',
    explains:
      'It is over. Where its assertions last all the same, or come again soon, it opens again.',
  },
  split: {
    title: 'Split',
    does: 'Split off',
    explains: 'What is chosen becomes an incident of its own.',
  },
  merge: {
    title: 'Merge',
    does: 'Merge',
    explains: 'This incident becomes a part of the other one, with all that it has.',
  },
};

export type ActDialogProps = {
  act: Act;
  incident: IncidentDetail;
  onDone: (done: boolean) => void;
};

/** Asks for what an action needs, does it, and says what failed. */
export function ActDialog({ act, incident, onDone }: ActDialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    dialog.current?.showModal();
    dialog.current?.querySelector<HTMLElement>('[data-first]')?.focus();
  }, []);
  const title = act === 'postmortem' ? 'Post-mortem' : WORDS[act].title;
  return (
    <dialog
      ref={dialog}
      class={`popover act-dialog ${act === 'postmortem' ? 'broad' : ''}`}
      aria-label={title}
      onClose={() => onDone(false)}
    >
      <div class="help-head">
        <h2>{title}</h2>
        <button
          type="button"
          class="icon-button"
          aria-label="Close"
          onClick={() => dialog.current?.close()}
        >
          <Icon name="close" />
        </button>
      </div>
      {act === 'postmortem' ? (
        <Postmortem id={incident.id} />
      ) : (
        <ActForm act={act} incident={incident} onDone={() => onDone(true)} />
      )}
    </dialog>
  );
}

/** What is missing before an action can be done; `''` when nothing is. */
export function missing(act: IncidentAct, { by, text, into, members }: ActBody): string {
  if (by.trim() === '') return 'Say who you are.';
  if (act === 'comment' && (text ?? '').trim() === '') return 'Write something.';
  if (act === 'merge' && (into ?? '') === '') return 'Choose the other incident.';
  if (act === 'split' && (members ?? []).length === 0) return 'Choose what leaves.';
  return '';
}

function ActForm({
  act,
  incident,
  onDone,
}: {
  act: IncidentAct;
  incident: IncidentDetail;
  onDone: () => void;
}) {
  const body = useSignal<ActBody>({ by: author.peek(), text: '', into: '', members: [] });
  const failed = useSignal('');
  const sending = useSignal(false);
  const edit = (changes: Partial<ActBody>) => {
    body.value = { ...body.value, ...changes };
    failed.value = '';
  };
  const lacks = missing(act, body.value);
  const all = act === 'split' && body.value.members?.length === incident.members.length;
  const wrong = all ? 'One must stay.' : lacks;
  const save = async () => {
    if (wrong !== '' || sending.peek()) return;
    sending.value = true;
    const { by, text, into, members } = body.peek();
    author.value = by.trim();
    try {
      await actOn(incident.id, act, {
        by: by.trim(),
        ...(text?.trim() && { text: text.trim() }),
        ...(act === 'merge' && into !== undefined && { into }),
        ...(act === 'split' && members !== undefined && { members }),
      });
      onDone();
    } catch (error) {
      failed.value = error instanceof ApiError ? sentence(error.message) : String(error);
      sending.value = false;
    }
  };
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        void save();
      }}
    >
      <p class="dim small">{WORDS[act].explains}</p>
      {act === 'merge' && (
        <Others
          incident={incident}
          into={body.value.into ?? ''}
          onPick={(into) => edit({ into })}
        />
      )}
      {act === 'split' && (
        <Leavers incident={incident} body={body.value} onPick={(members) => edit({ members })} />
      )}
      <Line label={act === 'comment' ? 'Comment' : 'Comment, if you like'}>
        <textarea
          class="field"
          rows={act === 'comment' ? 4 : 2}
          {...(act === 'comment' && { 'data-first': true })}
          value={body.value.text}
          onInput={(event) => edit({ text: event.currentTarget.value })}
        />
      </Line>
      <Line label="Who you are">
        <input
          class="field"
          autocomplete="name"
          {...(act !== 'comment' && { 'data-first': true })}
          value={body.value.by}
          onInput={(event) => edit({ by: event.currentTarget.value })}
        />
      </Line>
      <div class="form-foot">
        <p class="wrong" role="alert">
          {failed.value}
        </p>
        {wrong !== '' && <span class="dim small">{wrong}</span>}
        <button type="submit" class="button primary" disabled={wrong !== '' || sending.value}>
          {WORDS[act].does}
        </button>
      </div>
    </form>
  );
}

function Line({ label, children }: { label: string; children: ComponentChildren }) {
  return (
    <label class="form-line">
      <span>{label}</span>
      {children}
    </label>
  );
}

/** The other incidents that are open, to become a part of. */
function Others({
  incident,
  into,
  onPick,
}: {
  incident: IncidentDetail;
  into: string;
  onPick: (id: string) => void;
}) {
  const { remote, again } = useQuery('open', '', (abort) =>
    fetchIncidents({ state: 'open' }, abort),
  );
  return (
    <Loadable remote={remote} again={again} what="the other incidents" skeleton={null}>
      {({ incidents }) => {
        const others = incidents.filter(({ id }) => id !== incident.id);
        if (others.length === 0) return <p>No other incident is open.</p>;
        return (
          <Line label="Into">
            <select
              class="button"
              value={into}
              onChange={(event) => onPick(event.currentTarget.value)}
            >
              <option value="">Choose one</option>
              {others.map(({ id, title }) => (
                <option key={id} value={id}>
                  {title}
                </option>
              ))}
            </select>
          </Line>
        );
      }}
    </Loadable>
  );
}

function Leavers({
  incident,
  body,
  onPick,
}: {
  incident: IncidentDetail;
  body: ActBody;
  onPick: (members: NonNullable<ActBody['members']>) => void;
}) {
  const chosen = body.members ?? [];
  const ids = new Set(chosen.map(entityId));
  return (
    <fieldset class="leavers">
      <legend class="small dim">What leaves</legend>
      {incident.members.map((member) => {
        const id = entityId(member);
        return (
          <label key={id} class="leaver">
            <input
              type="checkbox"
              checked={ids.has(id)}
              onChange={() =>
                onPick(
                  ids.has(id) ? chosen.filter((one) => entityId(one) !== id) : [...chosen, member],
                )
              }
            />
            <span>{member.name}</span>
            <span class="faint small">{kindWord(member.type)}</span>
          </label>
        );
      })}
    </fieldset>
  );
}

/** The Markdown, to be copied into the wiki of the house. */
function Postmortem({ id }: { id: string }) {
  const { remote, again } = useQuery(id, '', (abort) => fetchPostmortem(id, abort), {
    live: false,
  });
  return (
    <Loadable
      remote={remote}
      again={again}
      what="the post-mortem"
      skeleton={<div class="chart-skeleton" style={{ height: '240px' }} />}
    >
      {(text) => (
        <>
          <p class="dim small">Markdown with the facts filled in. What to learn is yours to add.</p>
          <div class="code-line postmortem">
            <pre tabIndex={0}>{text}</pre>
            <CopyButton text={text} label="Copy the Markdown" />
          </div>
          <p class="button-row">
            <a
              class="button"
              href={`/api/v1/incidents/${encodeURIComponent(id)}/postmortem`}
              download={`${id}.md`}
            >
              Save as a file
            </a>
          </p>
        </>
      )}
    </Loadable>
  );
}
