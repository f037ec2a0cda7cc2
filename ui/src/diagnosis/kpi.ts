const TITLES: Record<string, string> = {
  rate: 'Requests',
  request_rate: 'Requests',
  error_ratio: 'Errors',
  client_error_ratio: 'Errors of clients',
  latency_average: 'Duration on average',
  up: 'Instances that answer',
};

/** A KPI as a person says it: `latency_p95` → `95 % faster than`. */
export function kpiTitle(name: string): string {
  const known = Object.hasOwn(TITLES, name) ? TITLES[name] : undefined;
  if (known !== undefined) return known;
  const quantile = /^(?:latency_)?p([\d.]+)$/.exec(name)?.[1];
  if (quantile !== undefined) return `${quantile} % faster than`;
  const [kind = '', resource = ''] = name.split(':');
  const word = (resource === '' ? kind : resource).replaceAll('_', ' ');
  const raised = word.charAt(0).toUpperCase() + word.slice(1);
  return kind === 'saturation' && resource !== '' ? `${raised} used` : raised;
}
