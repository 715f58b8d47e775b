import { useEffect } from 'preact/hooks';
import { Link, useLocation, useSearch } from 'wouter-preact';
import type {
  Conversation,
  ConversationEvent,
  ConversationInput,
  Members,
  MembershipEvent,
} from '../../src/query/conversation.ts';
import { post } from '../api/client.ts';
import { Field } from '../parts/field.tsx';
import { Inert, PersonName, SessionName } from '../parts/inert.tsx';
import { Moment } from '../parts/moment.tsx';
import { AnsweredFrom } from '../parts/read-at.tsx';
import { Answer, Empty } from '../parts/states.tsx';
import { address, conversationAddress } from '../state/address.ts';
import { useAnswer } from '../state/answer.ts';
import { zone } from '../state/choices.ts';
import { may } from '../state/reader.ts';
import { counted } from '../text/amount.ts';
import { dayOf, longDayText } from '../text/time.ts';
import { MessageItem } from './message-item.tsx';

/** What a participant saw, and what became of it. */
export function ConversationScreen() {
  const values = new URLSearchParams(useSearch());
  const session = values.get('session') ?? '';
  const question: ConversationInput = { session, zone: values.get('zone') ?? zone.value };
  for (const name of ['from', 'to', 'around', 'after'] as const) {
    const value = values.get(name);
    if (value) question[name] = value;
  }
  const conversation = useAnswer(session === '' ? null : JSON.stringify(question), (abort) =>
    post<Conversation>('/api/conversation', question, abort),
  );
  if (session === '')
    return (
      <>
        <h1>Conversation</h1>
        <p>
          The address names no session. <Link href="/conversations">All sessions</Link>
        </p>
      </>
    );
  return (
    <Answer of={conversation} loading="Reading the conversation">
      {(answer) => <Transcript conversation={answer} question={question} />}
    </Answer>
  );
}

interface TranscriptProps {
  readonly conversation: Conversation;
  readonly question: ConversationInput;
}

function Transcript({ conversation, question }: TranscriptProps) {
  const { session, events, members, at } = conversation;
  const { around } = question;
  useEffect(() => {
    if (around === undefined) return;
    const target = document.querySelector<HTMLElement>('.event.wanted [data-item]');
    target?.focus({ preventScroll: true });
    target?.scrollIntoView({ block: 'center' });
  }, [around, conversation]);
  const formerly = session.names.filter((name) => name !== session.name);
  return (
    <article class="conversation">
      <h1>
        <SessionName session={session} />
      </h1>
      <p class="facts">
        <span>{session.type === '1:1' ? 'Direct conversation' : session.type}</span>
        {session.external === true && <span class="badge external">external people</span>}
        {formerly.length > 0 && (
          <span>
            formerly{' '}
            {formerly.map((name, index) => (
              <span key={name}>
                {index > 0 && ', '}
                <Inert text={name} plain />
              </span>
            ))}
          </span>
        )}
        <code>
          <Inert text={session.id} plain />
        </code>
      </p>
      <Tools question={question} />
      <MembersAt members={members} />
      <PageLinks conversation={conversation} question={question} where="above" />
      {events.length === 0 ? (
        <Empty>
          <p>
            <strong>Nothing was archived here</strong> in this time.{' '}
            <Link href={address('/coverage', { session: session.id })}>Whether it was collected</Link>
          </p>
        </Empty>
      ) : (
        <Events events={events} wanted={around} />
      )}
      <PageLinks conversation={conversation} question={question} where="below" />
      <AnsweredFrom at={at} />
    </article>
  );
}

function Tools({ question }: { readonly question: ConversationInput }) {
  const [, navigate] = useLocation();
  const { session, from, to } = question;
  return (
    <div class="bar tools">
      <form
        class="inline"
        key={`${from} ${to}`}
        onSubmit={(event) => {
          event.preventDefault();
          const values = new FormData(event.currentTarget);
          const day = (name: string): { [key: string]: string } => {
            const value = String(values.get(name) ?? '');
            return value === '' ? {} : { [name]: value };
          };
          navigate(conversationAddress(session, { ...day('from'), ...day('to'), zone: zone.value }));
        }}
      >
        <Field label="From">
          {(attributes) => (
            <input {...attributes} type="date" name="from" defaultValue={from?.slice(0, 10)} />
          )}
        </Field>
        <Field label="To, included">
          {(attributes) => <input {...attributes} type="date" name="to" defaultValue={to?.slice(0, 10)} />}
        </Field>
        <button type="submit">Jump</button>
      </form>
      <span class="actions">
        <Link class="button" href={address('/coverage', { session })}>
          Coverage
        </Link>
        {may('export') && (
          <Link class="button" href={address('/exports/new', { of: 'conversations', session, from, to })}>
            Export
          </Link>
        )}
        <button type="button" onClick={() => window.print()}>
          Print
        </button>
      </span>
    </div>
  );
}

const BASIS = {
  exact: "from Zoom's own list and every change since",
  inferred: 'inferred from changes and from who wrote: the list may lack people who never wrote',
  fixed: 'the two of a direct conversation',
} as const;

function MembersAt({ members: { at, people, basis } }: { readonly members: Members }) {
  return (
    <details class="members">
      <summary>
        {counted(people.length, 'member')} at <Moment at={at} />
      </summary>
      <p class="quiet">At the first moment shown here; {BASIS[basis]}.</p>
      <ul class="people">
        {people.map((person) => (
          <li key={`${person.memberId} ${person.email} ${person.name}`}>
            <PersonName person={person} full />
          </li>
        ))}
      </ul>
    </details>
  );
}

interface PageLinksProps extends TranscriptProps {
  readonly where: 'above' | 'below';
}

/** Earlier stands above, later below, as in any chat. */
function PageLinks({ conversation: { previous, next }, question, where }: PageLinksProps) {
  const { session, around: _, limit: __, ...rest } = question;
  const after = where === 'above' ? previous : next;
  if (after === null) return null;
  return (
    <nav class="pages" aria-label={where === 'above' ? 'Earlier' : 'Later'}>
      <Link class="button" href={conversationAddress(session, { ...rest, after })}>
        {where === 'above' ? 'Earlier messages' : 'Later messages'}
      </Link>
    </nav>
  );
}

interface Day {
  readonly day: string;
  readonly events: readonly ConversationEvent[];
}

function Events({
  events,
  wanted,
}: {
  readonly events: readonly ConversationEvent[];
  readonly wanted: string | undefined;
}) {
  const here = new Map(
    events.flatMap((event) => (event.type === 'message' ? [[event.messageId, event] as const] : [])),
  );
  return (
    <>
      {byDay(events, zone.value).map(({ day, events: ofDay }) => (
        <section key={day} class="of-day" aria-label={longDayText(ofDay[0]?.at ?? day, zone.value)}>
          <h2>{longDayText(ofDay[0]?.at ?? day, zone.value)}</h2>
          <ol class="events">
            {ofDay.map((event) =>
              event.type === 'message' ? (
                <MessageItem
                  key={event.messageId}
                  event={event}
                  isWanted={
                    wanted !== undefined && event.messageId === wanted.toLowerCase().replace(/[{}]/g, '')
                  }
                  repliedTo={event.replyTo === null ? undefined : here.get(event.replyTo)}
                />
              ) : (
                <Membership key={`${event.place.entry} ${event.place.row}`} event={event} />
              ),
            )}
          </ol>
        </section>
      ))}
    </>
  );
}

function byDay(events: readonly ConversationEvent[], inZone: string): readonly Day[] {
  const days: { day: string; events: ConversationEvent[] }[] = [];
  for (const event of events) {
    const day = dayOf(event.at, inZone);
    const last = days.at(-1);
    if (last?.day === day) last.events.push(event);
    else days.push({ day, events: [event] });
  }
  return days;
}

const DEEDS = { joined: 'joined', left: 'left', other: 'changed membership' } as const;

function Membership({ event: { type, at, people, operator } }: { readonly event: MembershipEvent }) {
  const isOwn = people.some(({ memberId, email }) =>
    operator.memberId === '' ? email === operator.email : memberId === operator.memberId,
  );
  const hasOperator = operator.name !== '' || operator.email !== '' || operator.memberId !== '';
  return (
    <li class={`event membership ${type}`}>
      <Moment at={at} clock />
      <span>
        {people.map((person, index) => (
          <span key={`${person.memberId} ${person.email} ${person.name}`}>
            {index > 0 && ', '}
            <PersonName person={person} />
          </span>
        ))}{' '}
        {DEEDS[type]}
        {!isOwn && hasOperator && (
          <>
            , by <PersonName person={operator} />
          </>
        )}
      </span>
    </li>
  );
}
