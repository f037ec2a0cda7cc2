import { useEffect } from 'preact/hooks';
import { hrefTo } from '../../state/url';

export function NotFoundPage({ path }: { path: string }) {
  useEffect(() => {
    document.title = 'Nothing here · Pyrometer';
  }, []);
  return (
    <section class="empty">
      <h1>There is no page here</h1>
      <p>
        Nothing answers to <code>{path}</code>. The link may be from another version.
      </p>
      <p>
        <a class="button primary" href={hrefTo('/')}>
          To Home
        </a>
      </p>
    </section>
  );
}
