import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { ApiError } from '../../api/client';
import { type Objective, removeObjective } from '../../api/objectives';
import { sentence } from '../../format/labels';

/** Asks once more: an objective that is gone judges nothing. */
export function RemoveDialog({
  objective,
  onDone,
}: {
  objective: Objective;
  onDone: (removed: boolean) => void;
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  const failed = useSignal('');
  useEffect(() => {
    dialog.current?.showModal();
  }, []);
  const remove = async () => {
    try {
      await removeObjective(objective.id);
      onDone(true);
    } catch (error) {
      failed.value = error instanceof ApiError ? sentence(error.message) : String(error);
    }
  };
  return (
    <dialog
      ref={dialog}
      class="popover silence-dialog"
      aria-label="Remove the objective"
      onClose={() => onDone(false)}
    >
      <h2>Remove “{objective.title}”?</h2>
      <p class="dim">
        Its three alerts end with it. What it recorded stays: made again with the same name and
        queries, it goes on from there.
      </p>
      <div class="form-foot">
        <p class="wrong" role="alert">
          {failed.value}
        </p>
        <button type="button" class="button" onClick={() => dialog.current?.close()}>
          Keep it
        </button>
        <button type="button" class="button primary" onClick={() => void remove()}>
          Remove
        </button>
      </div>
    </dialog>
  );
}
