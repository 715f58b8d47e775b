/** The rules of RSMF for `rsmf_manifest.json`: 11 to 16, 18 to 20, and those on its size. Pure. */
import { z } from 'zod';
import type { RsmfIssue } from './rsmf-form.ts';

const name = z.string().min(1);
const custom = z.array(z.object({ name, value: name })).optional();
const ids = z.array(name);

const participantSchema = z.object({
  id: name,
  display: z.string().optional(),
  email: z.string().optional(),
  avatar: z.string().optional(),
  account_id: z.string().optional(),
  custom,
});
const conversationSchema = z.object({
  id: name,
  platform: name,
  participants: ids,
  display: z.string().optional(),
  type: z.enum(['direct', 'channel']).optional(),
  custodian: z.string().optional(),
  icon: z.string().optional(),
  custom,
});
const reactionSchema = z.object({ value: name, count: z.int().optional(), participants: ids.optional() });
const attachmentSchema = z.object({ id: name, display: z.string().optional(), size: z.int().optional() });
const editSchema = z.object({
  participant: name,
  timestamp: z.string().optional(),
  previous: z.string().optional(),
  new: z.string().optional(),
});
const receiptSchema = z.object({
  participant: name,
  timestamp: z.string().optional(),
  action: z.enum(['read', 'delivered']).optional(),
});
const eventSchema = z.object({
  type: z.enum(['message', 'disclaimer', 'join', 'leave', 'history', 'unknown']),
  id: z.string().optional(),
  parent: z.string().optional(),
  body: z.string().optional(),
  participant: z.string().optional(),
  conversation: z.string().optional(),
  timestamp: z.string().optional(),
  deleted: z.boolean().optional(),
  importance: z.enum(['normal', 'high']).optional(),
  direction: z.enum(['incoming', 'outgoing']).optional(),
  reactions: z.array(reactionSchema).optional(),
  attachments: z.array(attachmentSchema).optional(),
  edits: z.array(editSchema).optional(),
  read_receipts: z.array(receiptSchema).optional(),
  custom,
});
const rsmfSchema = z.object({
  version: z.string().min(5),
  eventcollectionid: z.string().optional(),
  participants: z.array(participantSchema),
  conversations: z.array(conversationSchema),
  events: z.array(eventSchema),
});
export type RsmfManifest = z.output<typeof rsmfSchema>;
type Event = RsmfManifest['events'][number];

const MOST_EVENTS = 10_000;
const LONGEST_REACTION = 30;
const MOST_ISSUES = 200;

export interface CheckedManifest {
  /** Undefined where it breaks the schema. */
  readonly manifest: RsmfManifest | undefined;
  readonly issues: readonly RsmfIssue[];
}

/** @param text of `rsmf_manifest.json` */
export function checkManifest(text: string): CheckedManifest {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    const why = error instanceof Error ? error.message : 'no JSON';
    return { manifest: undefined, issues: [{ rule: 11, severity: 'reject', detail: why }] };
  }
  const parsed = rsmfSchema.safeParse(json);
  if (!parsed.success) {
    const issues = parsed.error.issues.map(
      ({ path, message }): RsmfIssue => ({
        rule: 11,
        severity: 'reject',
        detail: `${path.join('.')}: ${message}`,
      }),
    );
    return { manifest: undefined, issues };
  }
  const manifest = parsed.data;
  const issues: RsmfIssue[] = [];
  for (const issue of issuesOf(manifest, json)) if (issues.length < MOST_ISSUES) issues.push(issue);
  return { manifest, issues };
}

function* issuesOf(manifest: RsmfManifest, json: unknown): Generator<RsmfIssue> {
  const warn = (rule: number, detail: string): RsmfIssue => ({ rule, severity: 'warn', detail });
  for (const path of unknownMembers(json, rsmfSchema)) yield warn(12, `${path} is no member of RSMF`);
  const { participants, conversations, events } = manifest;
  const people = new Set(participants.map(({ id }) => id));
  for (const where of strangers(manifest, people)) yield warn(13, `${where} is no participant`);
  for (const { id, custodian, participants: own } of conversations)
    if (custodian !== undefined && !own.includes(custodian))
      yield warn(14, `the custodian of ${id} is not in the conversation`);
  for (const [what, list] of [
    ['participant', participants],
    ['conversation', conversations],
  ] as const)
    for (const id of twice(list.map((one) => one.id))) yield warn(16, `${what} ${id} stands there twice`);
  yield* threadIssues(manifest);
  if (events.length > MOST_EVENTS) yield warn(17, `${events.length} events`);
  yield* timeIssues(events);
  for (const { id, reactions = [] } of events)
    for (const { value, count = 0, participants: own = [] } of reactions) {
      if (value.length > LONGEST_REACTION) yield warn(19, `a reaction to ${id} is longer than 30`);
      if (count < own.length) yield warn(19, `a reaction to ${id} counts less than its participants`);
    }
  for (const { id, email } of participants)
    if (email !== undefined && !/^[^\s@<>]{1,64}@[^\s@<>.]+(\.[^\s@<>.]+)*$/u.test(email))
      yield warn(20, `the address of ${id} is none`);
}

function* strangers({ conversations, events }: RsmfManifest, people: ReadonlySet<string>): Generator<string> {
  const named = function* (): Generator<readonly [string, string | undefined]> {
    for (const { id, participants, custodian } of conversations)
      for (const one of [...participants, custodian]) yield [`conversation ${id}`, one];
    for (const { id, participant, reactions = [], edits = [], read_receipts: receipts = [] } of events) {
      yield [`event ${id}`, participant];
      for (const { participants = [] } of reactions)
        for (const one of participants) yield [`a reaction to ${id}`, one];
      for (const one of [...edits, ...receipts]) yield [`an edit or receipt of ${id}`, one.participant];
    }
  };
  for (const [where, one] of named()) if (one !== undefined && !people.has(one)) yield `${where}: ${one}`;
}

function* threadIssues({ conversations, events }: RsmfManifest): Generator<RsmfIssue> {
  const known = new Set(conversations.map(({ id }) => id));
  const keyOf = (conversation: string | undefined, id: string): string => `${conversation ?? ''}\n${id}`;
  const byKey = new Map<string, Event>();
  for (const event of events) {
    const { id, conversation } = event;
    if (conversation !== undefined && !known.has(conversation))
      yield { rule: 15, severity: 'warn', detail: `event ${id}: conversation ${conversation} is unknown` };
    if (id === undefined) continue;
    if (byKey.has(keyOf(conversation, id)))
      yield { rule: 16, severity: 'warn', detail: `event ${id} stands twice in its conversation` };
    byKey.set(keyOf(conversation, id), event);
  }
  for (const { id, parent, conversation } of events) {
    if (parent === undefined) continue;
    if (parent === id) yield { rule: 15, severity: 'reject', detail: `event ${id} answers itself` };
    else if (!byKey.has(keyOf(conversation, parent)))
      yield {
        rule: 15,
        severity: 'warn',
        detail: `event ${id}: its parent ${parent} is not in the conversation`,
      };
    else if (isCycle(id, parent, (one) => byKey.get(keyOf(conversation, one))?.parent))
      yield { rule: 15, severity: 'warn', detail: `event ${id} is in a ring of answers` };
  }
}

function isCycle(
  id: string | undefined,
  parent: string,
  parentOf: (id: string) => string | undefined,
): boolean {
  const seen = new Set<string>();
  for (let one: string | undefined = parent; one !== undefined; one = parentOf(one)) {
    if (one === id) return true;
    if (seen.has(one)) return false;
    seen.add(one);
  }
  return false;
}

const ZONED = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/i;

function* timeIssues(events: readonly Event[]): Generator<RsmfIssue> {
  let last = Number.NEGATIVE_INFINITY;
  let isSorted = true;
  for (const { id, timestamp, edits = [], read_receipts: receipts = [] } of events) {
    for (const moment of [timestamp, ...[...edits, ...receipts].map((one) => one.timestamp)])
      if (moment !== undefined && (!ZONED.test(moment) || Number.isNaN(Date.parse(moment))))
        yield { rule: 18, severity: 'reject', detail: `event ${id}: ${moment} is no time with a zone` };
    const at = Date.parse(timestamp ?? '');
    if (at < last) isSorted = false;
    if (!Number.isNaN(at)) last = at;
    for (const { timestamp: edited = '' } of edits)
      if (Date.parse(edited) < at)
        yield { rule: 18, severity: 'warn', detail: `event ${id} was edited before it was sent` };
  }
  if (!isSorted) yield { rule: 18, severity: 'warn', detail: 'events are not in the order of time' };
}

function twice(list: readonly string[]): readonly string[] {
  const seen = new Set<string>();
  return list.filter((one) => seen.has(one) || !seen.add(one));
}

/** Members that the schema does not define, by their paths. */
function* unknownMembers(value: unknown, schema: z.ZodType, path = ''): Generator<string> {
  const inner = schema instanceof z.ZodOptional ? schema.unwrap() : schema;
  if (inner instanceof z.ZodArray && Array.isArray(value)) {
    for (const item of value) yield* unknownMembers(item, inner.element as z.ZodType, `${path}[]`);
  } else if (inner instanceof z.ZodObject && typeof value === 'object' && value !== null) {
    for (const [member, own] of Object.entries(value)) {
      const known: unknown = Object.hasOwn(inner.shape, member) ? inner.shape[member] : undefined;
      if (known instanceof z.ZodType) yield* unknownMembers(own, known, `${path}.${member}`);
      else yield `${path}.${member}`;
    }
  }
}
