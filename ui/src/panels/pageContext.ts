import { createContext } from 'preact';
import type { ServiceAlert } from '../api/services';
import { ColourBook } from '../state/colours';
import { Begins } from './dataBegin';

/** What all panels of a page share. */
export const PageContext = createContext<{
  colours: ColourBook;
  /** Firing alerts, shown as tinted spans. */
  spans: ServiceAlert[];
  changedMs: number | null;
  /** Why the service has nothing to show, in the server's words. */
  note: string | null;
  begins: Begins;
  /** Whether each panel says how to read it. */
  explained?: boolean;
}>({ colours: new ColourBook(), spans: [], changedMs: null, note: null, begins: new Begins() });
