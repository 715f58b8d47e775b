/** What Zoom answers about legal holds. */
import type { Account } from './account.ts';
import type { StreamAnswer } from './byte-stream.ts';
import { formatDay } from './dates.ts';
import { jsonBody } from './endpoints.ts';
import { type HoldFile, zipEntries, zipStream } from './hold-files.ts';
import { isIdentifiedBy, type LegalHolds } from './legal-hold.ts';
import { listPage } from './list-page.ts';
import type { Matter } from './matters.ts';
import type { ReportContext } from './messages-report.ts';
import { type Query, readText } from './query.ts';
import { invalidField, notFound } from './refusal.ts';

/** GET /v2/chat/legalhold/matters: the response body, JSON in UTF-8. */
export function mattersReport(holds: LegalHolds, query: Query, context: ReportContext): Buffer {
  const page = listPage('matters', query, context, { usual: 30, most: 100 }, holds.matters());
  return jsonBody({
    legal_hold_matters: page.rows.map(matterRow),
    next_page_token: page.nextPageToken,
    page_size: page.pageSize,
  });
}

/** GET /v2/chat/legalhold/matters/{matterId}/files: the response body. Whoever lists a zip has asked for it. */
export function holdFilesReport(
  account: Account,
  holds: LegalHolds,
  matter: Matter,
  query: Query,
  context: ReportContext,
): Buffer {
  const identifier = readText(query, 'identifier') ?? '';
  if (identifier === '') throw invalidField('identifier', 'This field is required.');
  const custodian = matter.custodians.find((person) => isIdentifiedBy(person, identifier));
  if (custodian === undefined) throw notFound(1001, 'User does not exist.');
  const files = holds.filesOf(matter, custodian);
  const page = listPage(`hold-files ${matter.id}`, query, context, { usual: 5, most: 20 }, files);
  for (const file of page.rows) holds.ask(file);
  return jsonBody({
    data: page.rows.map((file) => fileRow(account, holds, file, context)),
    next_page_token: page.nextPageToken,
    page_size: page.pageSize,
  });
}

/** GET /v2/chat/legalhold/matters/{matterId}/files/download: the zip. */
export function holdDownload(
  account: Account,
  holds: LegalHolds,
  matter: Matter,
  query: Query,
  context: ReportContext,
): StreamAnswer {
  const key = readText(query, 'file_key') ?? '';
  if (key === '') throw invalidField('file_key', 'This field is required.');
  const file = matter.custodians
    .flatMap((custodian) => holds.filesOf(matter, custodian))
    .find((candidate) => candidate.key === key);
  // The text is Zoom's own, also for a key that does not exist.
  if (file === undefined || !holds.isReady(file, context.switches.holdZipMinutes)) {
    throw notFound(1001, 'User does not exist.');
  }
  const condition = holds.condition(file);
  const stream = zipStream(zipEntries(account, file, condition), condition);
  if (condition.kind === 'not-a-zip') {
    return { status: 200, headers: { 'content-type': 'text/html;charset=utf-8' }, stream };
  }
  const [from, to] = [file.period.start, file.period.end - 1].map((at) => formatDay(at).replaceAll('-', ''));
  const headers = {
    'content-type': 'application/zip',
    'content-disposition': `attachment; filename=LEGAL_HOLD_files_messages_${from}_${to}.zip`,
  };
  return { status: 200, headers, stream };
}

function matterRow({ id, name, createdAt, startDay, endDay, custodians }: Matter): object {
  return {
    matter_id: id,
    matter_name: name,
    ...(startDay === undefined ? {} : { matter_start_date: startDay }),
    ...(endDay === undefined ? {} : { matter_end_date: endDay }),
    matter_creation_date: formatDay(createdAt),
    matter_users: custodians.map(({ userId, email }) => ({ user_id: userId, email })),
  };
}

function fileRow(account: Account, holds: LegalHolds, file: HoldFile, { switches }: ReportContext): object {
  const row = {
    file_key: file.key,
    file_start_date: formatDay(file.period.start),
    file_end_date: formatDay(file.period.end - 1),
  };
  if (!holds.isReady(file, switches.holdZipMinutes)) {
    return { ...row, file_count: 0, ready_for_download: false, total_file_size: 0 };
  }
  const condition = holds.condition(file);
  const entries = zipEntries(account, file, condition);
  const { length } = zipStream(entries, condition);
  return {
    ...row,
    file_count: entries.length,
    ready_for_download: true,
    total_file_size: condition.kind === 'wrong-size' ? length + 1 : length,
  };
}
