/** Records as they are: an object a line, with the record verbatim as its last member. */
import { factText, leafHash } from '../segments/format.ts';
import type { Pack } from './pack.ts';
import type { RecordWriter } from './renderer.ts';
import type { ConversationDay, ExportedRevision } from './revisions.ts';

export const NDJSON_MEMBER = 'ndjson/revisions.ndjson';

/** What stands between the members about a record and itself; within a JSON text a quote never stands bare. */
const RECORD = ',"record":';

/** A line without its end. */
function ndjsonLine({
  account,
  hash,
  kind,
  drift,
  session,
  messageId,
  replyTo,
  sentAt,
  actionAt,
  observedAt,
  place,
  record,
}: ExportedRevision): string {
  const head = {
    hash,
    account,
    stream: 'messages',
    kind,
    drift,
    session,
    message_id: messageId,
    reply_to: replyTo,
    sent_at: sentAt,
    action_at: actionAt,
    observed_at: observedAt,
    place,
  };
  return `${JSON.stringify(head).slice(0, -1)}${RECORD}${record}}`;
}

/** Writes the one member of this format. */
export class NdjsonWriter implements RecordWriter {
  readonly kind = 'records';
  readonly format = 'ndjson';
  readonly packs: readonly [Pack];

  constructor(pack: Pack) {
    this.packs = [pack];
    pack.begin(NDJSON_MEMBER);
  }

  async day({ revisions }: ConversationDay): Promise<void> {
    let lines = '';
    for (const revision of revisions) lines += `${ndjsonLine(revision)}\n`;
    await this.packs[0].write(lines);
  }

  async end(): Promise<void> {
    await this.packs[0].end();
  }
}

/**
 * The hash of the record of a line, made of the bytes that stand there; undefined where the line is none of these, or
 * says another hash itself.
 */
export function ndjsonHash(line: string): string | undefined {
  const at = line.indexOf(RECORD);
  if (at < 0 || !line.endsWith('}')) return undefined;
  const head = parsed(`${line.slice(0, at)}}`);
  const record = line.slice(at + RECORD.length, -1);
  if (head === undefined || parsed(record) === undefined) return undefined;
  const { account, kind, observed_at: observed, session, hash } = head;
  const fact = {
    account: String(account),
    kind: String(kind),
    observed_at: Date.parse(String(observed)),
    session_id: typeof session === 'object' && session !== null && 'id' in session ? String(session.id) : '',
    stream: 'messages',
  };
  const found = leafHash(factText(fact), record);
  return found === hash ? found : undefined;
}

function parsed(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

/** Lines of UTF-8 bytes. Fails for a line beyond 64 MB of text. */
export async function* linesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<readonly string[]> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let rest = '';
  for await (const chunk of chunks) {
    const lines = `${rest}${decoder.decode(chunk, { stream: true })}`.split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > LONGEST_LINE) throw new RangeError('a line is too long');
    if (lines.length > 0) yield lines;
  }
  rest += decoder.decode();
  if (rest !== '') yield [rest];
}

const LONGEST_LINE = 64 << 20;
