/**
 * What records tell of places and people, as SQL over the views of streams: once for each segment, so that it can be
 * kept for those that were read before.
 */
import type { Stream } from '../record.ts';

/** Streams that tell something. */
export const TELLING = [
  'messages',
  'reactions',
  'sessions',
  'channel_activities',
  'context',
] as const satisfies readonly Stream[];
export type TellingStream = (typeof TELLING)[number];

/**
 * Columns of a fact about a place: `entry`, `session`, `type`, `name`, `channel` (`session` is empty where only a channel
 * is known), `seen` (ms, when it was last observed), `revisions`, `first` and `last` (ms, sent), `low` and `high` (ms,
 * own time), `external` (null where nothing says so).
 */
export const PLACE_COLUMNS =
  'entry, session, type, name, channel, seen, revisions, "first", "last", low, high, external';

/**
 * Columns of a fact about a person: `entry`, `session` or `channel` where he was seen (both empty where in none),
 * `email`, `member`, `user_id`, `name`, `seen` (ms).
 */
export const PERSON_COLUMNS = 'entry, session, channel, email, member, user_id, name, seen';

const SEEN = 'max(epoch_ms(observed_at))';
/** Of a record that does not say when its message was sent its own time counts. */
const SENT = 'epoch_ms(coalesce(sent_at, event_at))';

/** The escape of half a surrogate pair, which canonical JSON writes and DuckDB refuses, with what stands before it. */
const HALF_PAIR = String.raw`((?:^|[^\\])(?:\\\\)*)\\(u[dD][89a-fA-F])`;

/** A path of a record as texts. Half a surrogate pair is read as the text of its escape. */
function texts(path: string, record = 'record'): string {
  const readable = `case when contains(${record}, '\\ud')
    then regexp_replace(${record}, '${HALF_PAIR}', '\\1\\2', 'g') else ${record} end`;
  return `json_extract_string(${readable}, '${path}')`;
}

/** SELECT of facts about places, from the view `stream`; undefined where it tells none. */
export function placeFacts(stream: TellingStream): string | undefined {
  const no = 'null::bigint, null::bigint, null::bigint, null::bigint';
  switch (stream) {
    case 'messages':
      return `select _entry, coalesce(session_id, ''), coalesce(session_type, ''), coalesce(session_name, ''),
          coalesce(channel_id, ''), ${SEEN}, count(*), min(${SENT}), max(${SENT}),
          min(epoch_ms(event_at)), max(epoch_ms(event_at)), null::boolean
        from messages group by all`;
    case 'reactions':
      return `select _entry, coalesce(session_id, ''), coalesce(session_type, ''), coalesce(session_name, ''),
          coalesce(channel_id, ''), ${SEEN}, 0, ${no}, null::boolean
        from reactions group by all`;
    case 'sessions':
      return `select _entry, coalesce(session_id, ''), coalesce(session_type, ''), coalesce(session_name, ''),
          coalesce(channel_id, ''), ${SEEN}, 0, ${no}, try_cast(${texts('$.has_external_member')} as boolean) as external
        from sessions group by all`;
    case 'channel_activities':
      return `select _entry, '', '', '', coalesce(channel_id, ''), ${SEEN}, 0, null::bigint, null::bigint,
          min(epoch_ms(event_at)), max(epoch_ms(event_at)), null::boolean
        from channel_activities group by all`;
    case 'context':
      return `select _entry, '', '', coalesce(name, ''), coalesce(subject_id, ''), ${SEEN}, 0, ${no}, null::boolean
        from context where kind in ('channel', 'channel_members') group by all`;
    default:
      return stream satisfies never;
  }
}

/** SELECT of facts about people, from the view `stream`. */
export function personFacts(stream: TellingStream): string {
  switch (stream) {
    case 'messages':
      return `select _entry, coalesce(session_id, ''), coalesce(channel_id, ''), lower(coalesce(sender_email, '')),
          coalesce(sender_member_id, ''), '', coalesce(sender_name, ''), ${SEEN}
        from messages group by all
        union all select _entry, session_id, coalesce(channel_id, ''), lower(receiver), '', '', '', ${SEEN}
        from messages where session_type = '1:1' and receiver <> '' group by all`;
    case 'reactions':
      return ['$.reactions[*].member_ids[*]', '$.custom_emoji_reactions[*].member_ids[*]', '$.member_id']
        .map((path) => {
          const ids = path.includes('*') ? texts(path) : `[${texts(path)}]`;
          return `select _entry, session_id, coalesce(channel_id, ''), '', member, '', '', ${SEEN} from (
            select _entry, session_id, channel_id, observed_at, unnest(${ids}) as member from reactions
          ) where member <> '' group by all`;
        })
        .join(' union all ');
    case 'sessions':
      return `select _entry, session_id, coalesce(channel_id, ''), lower(email), '', '', '', ${SEEN} from (
          select _entry, session_id, channel_id, observed_at, unnest(${texts('$.member_emails[*]')}) as email from sessions
        ) where email <> '' group by all`;
    case 'channel_activities':
      return people(
        `select _entry, '' as session, channel_id as channel, observed_at,
           unnest(list_concat(${texts('$.members.member_list[*]')}, [${texts('$.operator')}])) as person
         from channel_activities`,
        'display_name',
        'user_id',
      );
    case 'context':
      return `${people(
        `select _entry, '' as session, '' as channel, observed_at, ${texts('$.value')} as person
         from context where kind = 'user'`,
        'display_name',
        'id',
      )} union all ${people(
        `select _entry, '' as session, subject_id as channel, observed_at, unnest(${texts('$.value[*]')}) as person
         from context where kind = 'channel_members'`,
        'name',
        'id',
      )}`;
    default:
      return stream satisfies never;
  }
}

/** People whom JSON objects describe. @param name,user members of the object that hold these */
function people(rows: string, name: string, user: string): string {
  const member = (path: string): string => `coalesce(${texts(`$.${path}`, 'person')}, '')`;
  return `select _entry, session, coalesce(channel, ''), lower(${member('email')}), ${member('member_id')}, ${member(user)},
      ${member(name)}, ${SEEN} from (${rows}) where person is not null group by all`;
}
