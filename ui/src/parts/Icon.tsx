const PATHS = {
  home: 'M2.5 7.2 8 2.5l5.5 4.7V13a.5.5 0 0 1-.5.5H9.8V9.8H6.2v3.7H3a.5.5 0 0 1-.5-.5z',
  alerts: 'M8 2.2 14.3 13.3H1.7zM8 6.5v3.2M8 11.4v.2',
  targets:
    'M8 2.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11zM8 5.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5z',
  objectives:
    'M8 2.5a5.5 5.5 0 1 0 5.5 5.5M8 5.5a2.5 2.5 0 1 0 2.5 2.5M8 8l5.2-5.2M11.2 2.5v2.3h2.3',
  library: 'M3 2.5h2.5v11H3zM7 2.5h2.5v11H7zM10.8 3.2l2.3-.6 2.2 10.5-2.3.6z',
  silence: 'M4 11V7.5a4 4 0 0 1 6-3.4M12 7.2V11M2.5 11.2h11M6.8 13.3h2.4M2.5 2.5l11 11',
  search: 'M7 2.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9zM10.3 10.3 13.5 13.5',
  clock: 'M8 2.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11zM8 5v3.2l2 1.3',
  back: 'M10 3.5 5.5 8l4.5 4.5',
  forward: 'M6 3.5 10.5 8 6 12.5',
  down: 'M4 6.2 8 10.2l4-4',
  copy: 'M5.5 5.5h7v8h-7zM3.5 10.5v-8h7',
  done: 'M3 8.5 6.5 12 13 4.5',
  table: 'M2.5 3.5h11v9h-11zM2.5 6.5h11M2.5 9.5h11M6.5 6.5v6',
  chart: 'M2.5 2.5v11h11M5 10.5l2.5-3.5 2 2 3.5-5',
  code: 'M5.5 4.5 2 8l3.5 3.5M10.5 4.5 14 8l-3.5 3.5',
  expand: 'M9.5 2.5h4v4M13.5 2.5 9 7M6.5 13.5h-4v-4M2.5 13.5 7 9',
  shrink: 'M13.5 6.5h-4v-4M9.5 6.5 14 2M2.5 9.5h4v4M6.5 9.5 2 14',
  light: [
    'M8 5.2a2.8 2.8 0 1 0 0 5.6 2.8 2.8 0 0 0 0-5.6z',
    'M8 1.5v1.4M8 13.1v1.4M1.5 8h1.4M13.1 8h1.4',
    'M3.4 3.4l1 1M11.6 11.6l1 1M3.4 12.6l1-1M11.6 4.4l1-1',
  ].join(''),
  dark: 'M13.3 9.6A5.7 5.7 0 0 1 6.4 2.7a5.7 5.7 0 1 0 6.9 6.9z',
  system: 'M2.5 3.5h11v7.5h-11zM5.5 13.5h5M8 11v2.5',
  help: [
    'M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2z',
    'M6.2 6.3a1.9 1.9 0 1 1 2.6 1.8c-.5.2-.8.5-.8 1v.4M8 11.3v.2',
  ].join(''),
  rail: 'M2.5 3.5h11v9h-11zM6 3.5v9',
  incidents: 'M8 1.8 14.2 8 8 14.2 1.8 8zM8 5.2v3.4M8 10.6v.2',
  graph: [
    'M3.5 2.5h3v3h-3zM9.5 6.5h3v3h-3zM3.5 10.5h3v3h-3z',
    'M6.5 4 9.5 7.2M6.5 12 9.5 8.8',
  ].join(''),
  insights: 'M2.5 4h5M9 4h4.5M2.5 8h2.5M6.5 8h4M2.5 12h7M11 12h2.5',
  more: 'M3.5 8v.2M8 8v.2M12.5 8v.2',
  plus: 'M8 3.5v9M3.5 8h9',
  minus: 'M3.5 8h9',
  fit: 'M2.5 6V2.5H6M10 2.5h3.5V6M13.5 10v3.5H10M6 13.5H2.5V10',
  close: 'M4 4l8 8M12 4l-8 8',
  again: 'M13 4.5v3h-3M12.7 7.2A5 5 0 1 0 13 9.5',
} as const;

export type IconName = keyof typeof PATHS;

/** A 16 px line icon. It never speaks for itself: the control around it has the words. */
export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" width="16" height="16" viewBox="0 0 16 16" aria-hidden="true">
      <path
        d={PATHS[name]}
        fill="none"
        stroke="currentColor"
        stroke-width="1.4"
        stroke-linecap="round"
        stroke-linejoin="round"
      />
    </svg>
  );
}
