import type { Pack } from '../../api/packs';

/** The mark of a pack that was never tried with the real thing. */
export function Verified({
  verified,
  brief = false,
}: {
  verified: Pack['verified'];
  brief?: boolean;
}) {
  if (verified !== 'reference') return null;
  const says =
    'The real software could not be run: this pack was made from its documentation and source.';
  if (brief) {
    return (
      <span class="tag" title={says}>
        from documentation
      </span>
    );
  }
  return (
    <p class="verified-note">
      {says} Its thresholds may not fit; check them before you rely on them.
    </p>
  );
}
