/**
 * The 22 rules by which an RSMF file is accepted: 1 to 17 are those of review platforms as far as they are public, the
 * others are stricter. 1 to 5 look at the mail, 6 to 10 at the ZIP in it, 11 to 20 at its manifest, 21 and 22 at the
 * archive behind it.
 */
import { hash } from 'node:crypto';
import { ZipFile } from '../zip/zip-file.ts';
import { decodedBody, headerOf, type ParsedMessage, parseMessage } from './mime.ts';
import { RECORD_PREFIX, RECORDS_HEADER, RSMF_MANIFEST, RSMF_ZIP, type RsmfIssue } from './rsmf-form.ts';
import { checkManifest, type RsmfManifest } from './rsmf-manifest-rules.ts';

export interface RsmfChecks {
  /** The same slice, rendered once more. */
  readonly again?: Buffer;
  /** Whether a record is proven. */
  readonly isProven?: (hash: string) => boolean;
}

export interface RsmfVerdict {
  readonly issues: readonly RsmfIssue[];
  /** Hashes of the records that the events name, in their order. */
  readonly hashes: readonly string[];
  /** Undefined where it cannot be read. */
  readonly manifest: RsmfManifest | undefined;
}

const LARGE = 200e6;
const TOO_LARGE = 2e9;

/** Looks layer by layer: what is within one that cannot be read is not looked at. Fails never. */
export async function checkRsmf(bytes: Buffer, checks: RsmfChecks = {}): Promise<RsmfVerdict> {
  const issues: RsmfIssue[] = [];
  if (bytes.length > TOO_LARGE) issues.push(reject(17, `${bytes.length} bytes`));
  else if (bytes.length > LARGE) issues.push(warn(17, `${bytes.length} bytes`));
  if (checks.again !== undefined && !checks.again.equals(bytes))
    issues.push(reject(21, 'rendered once more it has other bytes'));
  const ended = (more: readonly RsmfIssue[]): RsmfVerdict => ({
    issues: [...issues, ...more],
    hashes: [],
    manifest: undefined,
  });
  const mail = parseMessage(bytes);
  if (mail === undefined) return ended([reject(1, 'no message of RFC 5322')]);
  const outer = mailIssues(mail);
  const zip = attachedZip(mail);
  if (!Buffer.isBuffer(zip)) return ended([...outer, zip]);
  const unpacked = await unpack(zip);
  if ('issue' in unpacked) return ended([...outer, unpacked.issue]);
  const { members } = unpacked;
  const text = members.get(RSMF_MANIFEST);
  if (text === undefined) return ended([...outer, ...unpacked.issues, reject(7, `no ${RSMF_MANIFEST}`)]);
  const { manifest, issues: inner } = checkManifest(text.toString());
  if (manifest === undefined) return ended([...outer, ...unpacked.issues, ...inner]);
  const hashes = hashesOf(manifest);
  return {
    issues: [
      ...issues,
      ...outer,
      ...unpacked.issues,
      ...inner,
      ...headerIssues(mail, manifest),
      ...memberIssues(manifest, members),
      ...recordIssues(mail, hashes, checks),
    ],
    hashes,
    manifest,
  };
}

function reject(rule: number, detail: string): RsmfIssue {
  return { rule, severity: 'reject', detail };
}

function warn(rule: number, detail: string): RsmfIssue {
  return { rule, severity: 'warn', detail };
}

function* mailIssues(mail: ParsedMessage): Generator<RsmfIssue> {
  if (headerOf(mail, 'X-RSMF-Version') === undefined) yield reject(2, 'no X-RSMF-Version');
  else if (mail.headers[0]?.[0].toLowerCase() !== 'x-rsmf-version')
    yield warn(2, 'X-RSMF-Version is not the first header');
  const from = headerOf(mail, 'From');
  if (from === undefined) yield warn(5, 'no From');
  else if ((from.match(/<[^<>]*>/g)?.length ?? 1) !== 1) yield warn(5, 'more than one address in From');
}

function attachedZip(mail: ParsedMessage): Buffer | RsmfIssue {
  const attached = mail.parts.filter(
    (part) =>
      /^attachment/i.test(headerOf(part, 'content-disposition') ?? '') ||
      !/^text\/plain/i.test(headerOf(part, 'content-type') ?? 'text/plain'),
  );
  const [only] = attached;
  if (only === undefined || attached.length !== 1) return reject(3, `${attached.length} attachments`);
  const disposition = headerOf(only, 'content-disposition') ?? '';
  if (!/^attachment\b/i.test(disposition)) return reject(3, 'the ZIP is not an attachment');
  if (/filename="?([^";]+)"?/i.exec(disposition)?.[1] !== RSMF_ZIP)
    return reject(3, 'the attachment has another name');
  return decodedBody(only) ?? reject(3, 'the attachment is not in base64');
}

type Unpacked =
  | { readonly members: ReadonlyMap<string, Buffer>; readonly issues: readonly RsmfIssue[] }
  | { readonly issue: RsmfIssue };

async function unpack(bytes: Buffer): Promise<Unpacked> {
  const zip = await ZipFile.of(bytes);
  if (zip === undefined) return { issue: reject(6, 'no ZIP') };
  const members = new Map<string, Buffer>();
  const names = new Set<string>();
  const issues: RsmfIssue[] = [];
  try {
    for await (const entry of zip.entries()) {
      const { name } = entry;
      if (entry.encrypted) return { issue: reject(6, `${name} is encrypted`) };
      if (entry.unsafe || /[/\\]/.test(name) || name === '..') issues.push(reject(6, `${name} is a path`));
      if (members.has(name)) issues.push(reject(6, `${name} stands there twice`));
      else if (names.has(name.toLowerCase()))
        issues.push(warn(6, `${name} differs from another by case only`));
      names.add(name.toLowerCase());
      const chunks: Buffer[] = [];
      for await (const chunk of (await zip.content(entry)) as AsyncIterable<Buffer>) chunks.push(chunk);
      members.set(name, Buffer.concat(chunks));
    }
  } catch (error) {
    return { issue: reject(6, error instanceof Error ? error.message : 'damaged') };
  }
  return { members, issues };
}

function* headerIssues(mail: ParsedMessage, { version, events }: RsmfManifest): Generator<RsmfIssue> {
  const stated = headerOf(mail, 'X-RSMF-Version');
  if (stated !== undefined && stated !== version) yield warn(2, `header says ${stated}, manifest ${version}`);
  const times = events
    .flatMap(({ timestamp }) => timestamp ?? [])
    .sort((a, b) => Date.parse(a) - Date.parse(b));
  const wanted = [
    ['X-RSMF-EventCount', String(events.length)],
    [
      'X-RSMF-AttachmentCount',
      String(events.reduce((sum, { attachments = [] }) => sum + attachments.length, 0)),
    ],
    ['X-RSMF-BeginDate', times[0]],
    ['X-RSMF-EndDate', times.at(-1)],
  ] as const;
  for (const [name, right] of wanted) {
    const said = headerOf(mail, name);
    if (said !== undefined && right !== undefined && said !== right)
      yield warn(4, `${name} is ${said}, the manifest has ${right}`);
  }
}

function* memberIssues(
  { participants, conversations, events }: RsmfManifest,
  members: ReadonlyMap<string, Buffer>,
): Generator<RsmfIssue> {
  const referenced = new Set([RSMF_MANIFEST]);
  for (const { id } of events.flatMap(({ attachments = [] }) => attachments)) {
    referenced.add(id);
    if (!members.has(id)) yield reject(8, `attachment ${id} is not in the ZIP`);
  }
  for (const image of [
    ...participants.map(({ avatar }) => avatar),
    ...conversations.map(({ icon }) => icon),
  ]) {
    if (image === undefined) continue;
    referenced.add(image);
    const bytes = members.get(image);
    if (bytes === undefined) yield warn(8, `image ${image} is not in the ZIP`);
    else if (!isImage(bytes)) yield warn(10, `image ${image} is neither PNG nor JPG nor GIF`);
  }
  for (const name of members.keys()) if (!referenced.has(name)) yield warn(9, `nothing refers to ${name}`);
}

function isImage(bytes: Buffer): boolean {
  const magic = bytes.subarray(0, 8).toString('hex');
  return magic === '89504e470d0a1a0a' || magic.startsWith('ffd8ff') || /^47494638(37|39)61/.test(magic);
}

function* recordIssues(
  mail: ParsedMessage,
  hashes: readonly string[],
  { isProven }: RsmfChecks,
): Generator<RsmfIssue> {
  const stated = headerOf(mail, RECORDS_HEADER);
  if (stated !== undefined && stated !== hash('sha256', hashes.join(''), 'hex'))
    yield reject(22, `${RECORDS_HEADER} is not that of the records`);
  const unproven = isProven === undefined ? undefined : hashes.find((one) => !isProven(one));
  if (unproven !== undefined) yield reject(22, `record ${unproven} is not proven`);
}

/** Hashes of the records that events name. */
function hashesOf({ events }: RsmfManifest): readonly string[] {
  return events.flatMap(({ custom = [] }) =>
    custom.flatMap(({ name, value }) => (name.startsWith(RECORD_PREFIX) ? [value] : [])),
  );
}
