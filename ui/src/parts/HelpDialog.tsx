import { useEffect, useRef } from 'preact/hooks';
import { Icon } from './Icon';

/** All shortcuts. A native dialog: the browser keeps the focus inside and Escape closes it. */
export function HelpDialog({
  shortcuts,
  onClose,
}: {
  shortcuts: { keys: string; does: string }[];
  onClose: () => void;
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    dialog.current?.showModal();
  }, []);
  return (
    <dialog ref={dialog} class="help popover" aria-label="Keyboard" onClose={onClose}>
      <div class="help-head">
        <h2>Keyboard</h2>
        <button
          type="button"
          class="icon-button"
          aria-label="Close"
          onClick={() => dialog.current?.close()}
        >
          <Icon name="close" />
        </button>
      </div>
      <dl class="help-keys">
        {shortcuts.map(({ keys, does }) => (
          <div key={keys}>
            <dt>
              {keys.split(' ').map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dt>
            <dd>{does}</dd>
          </div>
        ))}
      </dl>
      <p class="dim small">
        In a chart: drag to zoom, double-click to go back, click a name in its legend to see it
        alone. With the focus on a panel, <kbd>←</kbd> and <kbd>→</kbd> move the crosshair by a
        point, with <kbd>Shift</kbd> by ten.
      </p>
    </dialog>
  );
}
