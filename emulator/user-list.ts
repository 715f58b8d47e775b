/** GET /v2/users: the users of one status. */
import type { Account } from './account.ts';
import { DAY, formatSecond } from './dates.ts';
import { jsonBody } from './endpoints.ts';
import { listPage } from './list-page.ts';
import type { ReportContext } from './messages-report.ts';
import { splitName, type User } from './people.ts';
import { type Query, readChoice, readText } from './query.ts';
import { hashText } from './random.ts';

const STATUSES = ['active', 'inactive', 'pending'] as const;
const LICENSES = ['zoom_workforce_management', 'zoom_compliance_management'];
const INCLUDE_FIELDS = ['custom_attributes', 'host_key'];

/** The response body, JSON in UTF-8. Active users are listed unless another status is asked for. */
export function userList(account: Account, query: Query, context: ReportContext): Buffer {
  const status = readChoice(query, 'status', STATUSES) ?? 'active';
  const roleId = readText(query, 'role_id');
  const included = readChoice(query, 'include_fields', INCLUDE_FIELDS);
  // Nobody here has one of these licenses.
  const none = readChoice(query, 'license', LICENSES) !== undefined;
  const listed = account.users.filter(
    (user) => !none && user.status === status && (roleId === undefined || user.roleId === roleId),
  );
  const page = listPage('users', query, context, { usual: 30, most: 2000 }, listed);
  return jsonBody({
    page_count: Math.ceil(listed.length / page.pageSize),
    page_size: page.pageSize,
    total_records: listed.length,
    next_page_token: page.nextPageToken,
    users: page.rows.map((user) => userRow(user, included, context.now)),
  });
}

function userRow(user: User, included: string | undefined, now: number): object {
  const { person, email, status, createdAt, department: dept, roleId, hostKey } = user;
  const created = formatSecond(createdAt);
  const base = { email, type: 1, status, dept, role_id: roleId, created_at: created };
  if (person === undefined) return base;
  const { first, last } = splitName(person.displayName);
  return {
    id: person.userId,
    ...base,
    first_name: first,
    last_name: last,
    display_name: person.displayName,
    pmi: 1_000_000_000 + (hashText(email) % 1_000_000_000),
    timezone: 'Europe/Amsterdam',
    verified: 1,
    user_created_at: created,
    last_login_time: formatSecond(lastLogin(user, now)),
    last_client_version: '6.4.5.1234(mac)',
    group_ids: [],
    im_group_ids: [],
    ...(included === 'custom_attributes' ? { custom_attributes: [] } : {}),
    ...(included === 'host_key' ? { host_key: hostKey } : {}),
  };
}

/** Zoom tells it three days late: a field that moves though nothing about the user has changed. */
function lastLogin({ deactivatedAt, createdAt }: User, now: number): number {
  return Math.max((Math.floor((deactivatedAt ?? now) / DAY) - 3) * DAY, createdAt);
}
