/** GET /v2/chat/emoji: the account's own emoji. */
import type { Account } from './account.ts';
import type { CustomEmoji } from './custom-emoji.ts';
import { formatSecond } from './dates.ts';
import { jsonBody } from './endpoints.ts';
import { listPage } from './list-page.ts';
import type { ReportContext } from './messages-report.ts';
import { type Query, readText } from './query.ts';
import { Refusal } from './refusal.ts';

/** The response body, JSON in UTF-8; `search_key` looks into names, upper and lower case apart. */
export function customEmojiList(account: Account, query: Query, context: ReportContext): Buffer {
  const key = readText(query, 'search_key');
  if (key !== undefined && (key.length < 3 || key.length > 256)) {
    const message =
      'Invalid parameter: search_key. The minimum length is 3 characters, the maximum length is 256 characters.';
    throw new Refusal(400, { code: 5333, message });
  }
  const found = account.customEmoji.filter(({ name }) => key === undefined || name.includes(key));
  const page = listPage('emoji', query, context, { usual: 10, most: 50 }, found);
  return jsonBody({
    emojis: page.rows.map(emojiRow),
    next_page_token: page.nextPageToken,
    page_size: page.pageSize,
    ...(key === undefined ? {} : { search_key: key }),
  });
}

function emojiRow({ fileId, name, addedBy, addedAt }: CustomEmoji): object {
  return {
    file_id: fileId,
    name,
    user_id: addedBy.userId,
    member_id: addedBy.memberId,
    user_name: addedBy.displayName,
    user_email: addedBy.email,
    date_added: formatSecond(addedAt),
  };
}
