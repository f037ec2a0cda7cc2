import { createContext } from 'preact';
import type { ServiceAlert } from '../../api/services';
import { ColourBook } from '../../state/colours';

/** What all panels of a page share. */
export const PageContext = createContext<{
  colours: ColourBook;
  /** Firing alerts, shown as tinted spans. */
  spans: ServiceAlert[];
  changedMs: number | null;
  /** Why the service has nothing to show, in the server's words. */
  note: string | null;
}>({ colours: new ColourBook(), spans: [], changedMs: null, note: null });
