/** A message within a conversation, with all that became of it. */
import { Link } from 'wouter-preact';
import type { ConversationFile, MessageEvent } from '../../src/query/conversation.ts';
import type { Person, Revision } from '../../src/query/revision.ts';
import { Inert, PersonName } from '../parts/inert.tsx';
import { Moment } from '../parts/moment.tsx';
import { Versions } from '../parts/versions.tsx';
import { address, conversationAddress, messageAddress } from '../state/address.ts';
import { zone } from '../state/choices.ts';
import { sizeText } from '../text/amount.ts';
import { plainText } from '../text/pieces.ts';
import { clockText, utcText } from '../text/time.ts';

interface MessageItemProps {
  readonly event: MessageEvent;
  readonly isWanted: boolean;
  /** Where it is on the same page. */
  readonly repliedTo: MessageEvent | undefined;
}

export function MessageItem({ event, isWanted, repliedTo }: MessageItemProps) {
  const { at, messageId, sender, state, text, versions } = event;
  const session = versions[0]?.session.id ?? '';
  const last = versions.at(-1);
  const bot = last?.bot ?? null;
  return (
    <li class={`event message ${state}${isWanted ? ' wanted' : ''}`} id={`m-${messageId}`}>
      <div class="head">
        <Link
          class="time"
          href={messageAddress(session, messageId)}
          data-item
          title={`${utcText(at)}. Versions, proof and how to check it`}
          aria-current={isWanted ? 'true' : undefined}
        >
          <time dateTime={at}>{clockText(at, zone.value)}</time>
        </Link>
        <strong>
          <PersonName person={sender} />
        </strong>
        {last?.senderExternal === true && <span class="badge external">external</span>}
        {state !== 'standing' && last !== undefined && (
          <span class={`badge ${state}`}>
            {state} <Moment at={last.actionAt} />
          </span>
        )}
        {versions.some(({ drift }) => drift) && (
          <span class="badge drift" title="A version was archived more than once, with different content">
            drift
          </span>
        )}
      </div>
      {event.replyTo !== null && <ReplyTo session={session} replyTo={event.replyTo} message={repliedTo} />}
      {state === 'deleted' && <p class="label">Last known text:</p>}
      {text === '' ? (
        event.files.length === 0 && bot === null && <p class="quiet">no text</p>
      ) : (
        <div class="text">
          <Inert text={text} />
        </div>
      )}
      {bot !== null && (
        <div class="card">
          <span class="label">Card of a bot</span>
          <div class="text">
            <Inert text={bot} />
          </div>
        </div>
      )}
      {event.forwarded !== null && (
        <Forwarded forwarded={event.forwarded} session={session} message={messageId} />
      )}
      {event.files.length > 0 && <Files files={event.files} session={session} message={messageId} />}
      {last !== undefined && last.giphy.length > 0 && <Giphy giphy={last.giphy} />}
      {event.reactions.length > 0 && (
        <ul class="reactions" aria-label="Reactions">
          {event.reactions.map(({ emoji, count, people }) => (
            <li key={emoji} title={plainText(people.map(nameOf).join(', '))}>
              <Inert text={emoji} plain /> {count}
              <span class="unseen"> by {plainText(people.map(nameOf).join(', '))}</span>
            </li>
          ))}
        </ul>
      )}
      {versions.length > 1 && <History versions={versions} />}
    </li>
  );
}

function History({ versions }: { readonly versions: readonly Revision[] }) {
  return (
    <details class="history">
      <summary>{versions.length} versions</summary>
      <Versions versions={versions} />
    </details>
  );
}

interface ReplyToProps {
  readonly session: string;
  readonly replyTo: string;
  readonly message: MessageEvent | undefined;
}

function ReplyTo({ session, replyTo, message }: ReplyToProps) {
  return (
    <p class="reply-to">
      <Link href={conversationAddress(session, { around: replyTo })}>
        {message === undefined ? (
          'Reply to an earlier message'
        ) : (
          <>
            Reply to <PersonName person={message.sender} />: <Inert text={shortened(message.text)} plain />
          </>
        )}
      </Link>
    </p>
  );
}

function nameOf({ name, email, memberId }: Person): string {
  return name || email || memberId;
}

function shortened(text: string): string {
  const characters = [...text];
  return characters.length > 80 ? `${characters.slice(0, 80).join('')}…` : text;
}

interface ForwardedProps {
  readonly forwarded: NonNullable<MessageEvent['forwarded']>;
  readonly session: string;
  readonly message: string;
}

function Forwarded({ forwarded: { sender, sentAt, text, reason, files }, session, message }: ForwardedProps) {
  return (
    <blockquote class="forwarded">
      <p class="label">
        Forwarded
        {reason === null && (
          <>
            {' '}
            from <PersonName person={sender} />
          </>
        )}
        {sentAt !== null && (
          <>
            , <Moment at={sentAt} />
          </>
        )}
      </p>
      {reason === null ? (
        <div class="text">
          <Inert text={text} />
        </div>
      ) : (
        <p class="quiet">
          The original could not be had: <Inert text={reason} plain />
        </p>
      )}
      {files.length > 0 && <Files files={files} session={session} message={message} />}
    </blockquote>
  );
}

interface FilesProps {
  readonly files: readonly ConversationFile[];
  readonly session: string;
  readonly message: string;
}

/** Files are only ever saved, never shown: what is in them was written by others. */
function Files({ files, session, message }: FilesProps) {
  return (
    <ul class="files" aria-label="Files">
      {files.map(({ id, name, size, object, reason }) => (
        <li key={id}>
          {object === null ? (
            <span>
              <Inert text={name} plain />{' '}
              <span class="quiet">
                not archived
                {reason !== null && (
                  <>
                    : <Inert text={reason} plain />
                  </>
                )}
              </span>
            </span>
          ) : (
            <>
              <a
                href={address(`/api/files/${encodeURIComponent(object.sha256)}`, { session, message })}
                download
              >
                <Inert text={name} plain />
              </a>{' '}
              <span class="quiet">
                {sizeText(object.size)}, SHA-256{' '}
                <code title={object.sha256}>{object.sha256.slice(0, 12)}…</code>
              </span>
            </>
          )}
          {object === null && size !== null && <span class="quiet">, {sizeText(size)}</span>}
        </li>
      ))}
    </ul>
  );
}

function Giphy({ giphy }: { readonly giphy: readonly string[] }) {
  return (
    <p>
      <span class="label">Animated picture, not shown: </span>
      {giphy.map((each, index) => (
        <span key={each}>
          {index > 0 && ', '}
          <Inert text={each} />
        </span>
      ))}
    </p>
  );
}
