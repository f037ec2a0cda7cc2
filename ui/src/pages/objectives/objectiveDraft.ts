import type { Indicator, Objective, Wish } from '../../api/objectives';

/** What stands in the form, as typed. */
export type ObjectiveForm = {
  title: string;
  description: string;
  type: string;
  service: string;
  /** Of a route or another entity; a service is its own name. */
  name: string;
  kind: Indicator['kind'];
  limit: string;
  part: 'bad' | 'good';
  query: string;
  total: string;
  counter: boolean;
  op: string;
  value: string;
  by: Wish['by'];
  minuteTarget: string;
  /** In percent. */
  target: string;
  /** `30` days, or `week`, `month`, `quarter`. */
  window: string;
  zone: string;
  floor: string;
};

export const EMPTY: ObjectiveForm = {
  title: '',
  description: '',
  type: 'service',
  service: '',
  name: '',
  kind: 'availability',
  limit: '',
  part: 'bad',
  query: '',
  total: '',
  counter: true,
  op: '<',
  value: '',
  by: 'requests',
  minuteTarget: '95',
  target: '99.5',
  window: '30',
  zone: 'UTC',
  floor: '',
};

/** The form that shows an objective. */
export function formOf(objective: Objective): ObjectiveForm {
  const { entity, indicator, window } = objective;
  const rolling = window.kind === 'rolling';
  return {
    ...EMPTY,
    title: objective.title,
    description: objective.description,
    type: entity.type,
    service: entity.type === 'service' ? entity.name : (entity.scope.service ?? ''),
    name: entity.type === 'service' ? '' : entity.name,
    kind: indicator.kind,
    limit: indicator.limit_seconds === undefined ? '' : String(indicator.limit_seconds),
    part: indicator.good === undefined ? 'bad' : 'good',
    query: indicator.query ?? indicator.good ?? indicator.bad ?? '',
    total: indicator.total ?? '',
    counter: indicator.counter ?? true,
    op: indicator.op ?? '<',
    value: indicator.value === undefined ? '' : String(indicator.value),
    by: objective.by,
    minuteTarget: percent(objective.minute_target ?? 0.95),
    target: percent(objective.target),
    window: rolling ? String(window.days) : window.unit,
    zone: rolling ? 'UTC' : window.zone,
    floor: objective.floor === undefined ? '' : String(objective.floor),
  };
}

const percent = (ratio: number) => String(Number((ratio * 100).toPrecision(10)));

/** What is sent, or what is wrong with the form. The server judges the queries. */
export function draftOf(
  form: ObjectiveForm,
  before: Objective | null,
): { wish: Wish } | { wrong: string } {
  if (form.service.trim() === '') return { wrong: 'Which service is it about?' };
  if (form.type !== 'service' && form.name.trim() === '') return { wrong: 'Give its name' };
  const target = number(form.target);
  if (target === null || target <= 0 || target >= 100) {
    return { wrong: 'The target lies between 0 and 100 %, such as 99.5' };
  }
  const indicator = indicatorOf(form, before);
  if ('wrong' in indicator) return indicator;
  const days = number(form.window);
  const floor = number(form.floor);
  if (form.floor.trim() !== '' && floor === null) return { wrong: 'The floor is a number' };
  const minutes = form.by === 'minutes' || form.kind === 'threshold';
  const minuteTarget = number(form.minuteTarget);
  if (minutes && form.kind !== 'threshold' && (minuteTarget === null || minuteTarget <= 0)) {
    return { wrong: 'A good minute needs a share of good requests, such as 95' };
  }
  return {
    wish: {
      ...(form.title.trim() !== '' && { title: form.title.trim() }),
      description: form.description.trim(),
      entity: entityOf(form, before),
      indicator: indicator.found,
      by: minutes ? 'minutes' : 'requests',
      ...(minutes && minuteTarget !== null && { minute_target: ratio(minuteTarget) }),
      target: ratio(target),
      window:
        days === null
          ? { kind: 'calendar', unit: form.window, zone: form.zone.trim() || 'UTC' }
          : { kind: 'rolling', days },
      ...(floor !== null && { floor }),
    },
  };
}

/** 99.95 is 0.9995, without the digits that a division adds. */
const ratio = (percents: number) => Number((percents / 100).toPrecision(10));

export function entityOf(form: ObjectiveForm, before: Objective | null): Wish['entity'] {
  const service = form.service.trim();
  const type = form.type.trim();
  if (type === 'service') {
    return { type, name: service, scope: before?.entity.type === type ? before.entity.scope : {} };
  }
  return { type, name: form.name.trim(), scope: { ...before?.entity.scope, service } };
}

function indicatorOf(
  form: ObjectiveForm,
  before: Objective | null,
): { found: Indicator } | { wrong: string } {
  const { kind } = form;
  const limit = number(form.limit);
  if (kind === 'latency' && (limit === null || limit <= 0)) {
    return { wrong: 'Within how long is an answer good?' };
  }
  const whom = (one: Wish['entity']) => JSON.stringify([one.type, one.name, one.scope.service]);
  if (kind === 'availability' || kind === 'latency') {
    const same =
      before !== null &&
      before.indicator.kind === kind &&
      whom(before.entity) === whom(entityOf(form, before)) &&
      (before.indicator.limit_seconds ?? null) === (kind === 'latency' ? limit : null);
    // The same queries go on with what they recorded; for others the server finds new ones.
    if (same) return { found: before.indicator };
    return { found: { kind, ...(kind === 'latency' && { limit_seconds: limit ?? 0 }) } };
  }
  if (form.query.trim() === '') return { wrong: 'Give the query in PromQL' };
  if (kind === 'threshold') {
    const value = number(form.value);
    if (value === null) return { wrong: 'Which value is the limit?' };
    return { found: { kind, query: form.query.trim(), op: form.op, value } };
  }
  if (form.total.trim() === '') return { wrong: 'Give the query of all events, too' };
  const total = form.total.trim();
  const part = form.part === 'good' ? { good: form.query.trim() } : { bad: form.query.trim() };
  return { found: { kind, ...part, total, counter: form.counter } };
}

function number(text: string): number | null {
  const read = Number(text.trim().replace(',', '.'));
  return text.trim() === '' || !Number.isFinite(read) ? null : read;
}
