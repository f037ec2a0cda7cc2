import { type Answer, get, getText, send } from './client';
import type { Category, Entity, EntityRef, Relation } from './graph';
import type { Severity, Unit } from './services';
import type { Time } from './times';

export type Impact = {
  services: number;
  routes: number;
  /** Requests that failed or were too slow, so far. */
  requests: number | null;
  /** Their share of all, 0 to 1. */
  ratio: number | null;
};

/** A part of a suspect's score: the score is only their sum. */
export type Term = { name: string; value: number; sentence: string };

export type Evidence = {
  sentence: string;
  query?: string | null;
  kpi?: string | null;
  unit?: Unit | null;
  onset?: Time | null;
  value?: number | null;
  usual?: number | null;
};

export type Suspect = {
  entity: EntityRef;
  score: number;
  terms: Term[];
  evidence: Evidence[];
};

export type Incident = {
  id: string;
  title: string;
  severity: Severity;
  state: 'open' | 'resolved';
  acknowledged_by?: string | null;
  start: Time;
  end?: Time | null;
  impact: Impact;
  members: EntityRef[];
  /** In a list only the first three. Best first. */
  suspects: Suspect[];
};

export type EventKind = 'assertion' | 'change' | 'alert' | 'notification' | 'comment' | 'state';

export type TimelineEvent = {
  time: Time;
  kind: EventKind;
  entity?: EntityRef | null;
  category?: Category | null;
  severity?: Severity | null;
  text: string;
};

export type IncidentDetail = Incident & {
  timeline: TimelineEvent[];
  /** The members and what is one hop away. */
  graph: { entities: Entity[]; relations: Relation[] };
};

/** `GET /api/v1/incidents`. Times in Unix seconds. */
export function fetchIncidents(
  question: { state: 'open' | 'resolved' | 'all'; start?: number; end?: number },
  abort?: AbortSignal,
): Promise<Answer<{ incidents: Incident[] }>> {
  return get('/api/v1/incidents', question, abort);
}

const pathOf = (id: string) => `/api/v1/incidents/${encodeURIComponent(id)}`;

/** `GET /api/v1/incidents/<id>` */
export function fetchIncident(id: string, abort?: AbortSignal): Promise<Answer<IncidentDetail>> {
  return get(pathOf(id), {}, abort);
}

export type IncidentAct = 'acknowledge' | 'comment' | 'resolve' | 'merge' | 'split';

export type ActBody = {
  by: string;
  text?: string;
  /** The incident that this one becomes a part of. */
  into?: string;
  /** Those that leave for an incident of their own. */
  members?: EntityRef[];
};

/** `POST /api/v1/incidents/<id>/<act>` */
export function actOn(id: string, act: IncidentAct, body: ActBody): Promise<Answer<unknown>> {
  return send('POST', `${pathOf(id)}/${act}`, body);
}

/** `GET /api/v1/incidents/<id>/postmortem`: Markdown. */
export function fetchPostmortem(id: string, abort?: AbortSignal): Promise<Answer<string>> {
  return getText(`${pathOf(id)}/postmortem`, abort);
}
