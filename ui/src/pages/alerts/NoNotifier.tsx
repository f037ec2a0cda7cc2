import { hrefTo } from '../../state/url';

/** In the place of silences and notifications on a server that sends none. */
export function NoNotifier() {
  return (
    <div class="empty">
      <h2>This server tells nobody</h2>
      <p class="dim">
        Alerts show{' '}
        <a class="link" href={hrefTo('/alerts')}>
          here
        </a>{' '}
        only: this server has no notifier, so there is nobody to be kept from hearing of one.
      </p>
    </div>
  );
}
