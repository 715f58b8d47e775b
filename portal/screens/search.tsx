import { useEffect, useRef } from 'preact/hooks';
import { Link, useLocation, useSearch } from 'wouter-preact';
import type { Hit, SearchInput, SearchResult } from '../../src/query/search.ts';
import { post } from '../api/client.ts';
import { Inert, PersonName, SessionName } from '../parts/inert.tsx';
import { Moment } from '../parts/moment.tsx';
import { AnsweredFrom } from '../parts/read-at.tsx';
import { Answer, Empty } from '../parts/states.tsx';
import {
  address,
  conversationAddress,
  isAsked,
  messageAddress,
  questionAddress,
  questionOf,
} from '../state/address.ts';
import { useAnswer } from '../state/answer.ts';
import { useZoneOf, zone } from '../state/choices.ts';
import { may } from '../state/reader.ts';
import { counted, countText } from '../text/amount.ts';
import { excerpt } from '../text/pieces.ts';
import { SearchForm } from './search-form.tsx';

/** The address holds the whole question, so an answer can be sent to somebody, and asked again. */
export function SearchScreen() {
  const [, navigate] = useLocation();
  const query = useSearch();
  useZoneOf(query);
  const question = questionOf(query, zone.value);
  const asked = isAsked(question);
  const result = useAnswer(asked ? JSON.stringify(question) : null, (abort) =>
    post<SearchResult>('/api/search', question, abort),
  );
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    // A further page begins at its top.
    if (question.after !== undefined) heading.current?.focus();
  }, [question.after]);
  return (
    <>
      <h1>Search</h1>
      <SearchForm
        key={questionAddress('', { ...question, after: undefined })}
        question={question}
        onAsk={(next) => navigate(questionAddress('/search', next))}
      />
      {asked ? (
        <section aria-labelledby="hits" class="hits">
          <h2 id="hits" ref={heading} tabIndex={-1} class="unseen">
            Hits
          </h2>
          <Answer of={result} loading="Searching">
            {(answer) => <Hits result={answer} question={question} />}
          </Answer>
        </section>
      ) : (
        <Empty>
          <p>
            Ask for words, a person, a session or a time. Conditions that are left empty leave nothing out.
          </p>
          <p class="quiet">
            Earlier versions and the last text of deleted messages are searched too, and names of files and
            cards of bots.
          </p>
        </Empty>
      )}
    </>
  );
}

function Hits({ result, question }: { readonly result: SearchResult; readonly question: SearchInput }) {
  const { hits, total, next, segments, at } = result;
  if (hits.length === 0)
    return (
      <Empty>
        <p>
          <strong>Nothing was found</strong> in {counted(segments.of, 'segment')}.
        </p>
        <p>
          Fewer words, <em>any part</em> instead of whole words, or a longer time may find more. Whether the
          time was collected at all,{' '}
          <Link href={address('/coverage', { from: dayOnly(question.from), to: dayOnly(question.to) })}>
            coverage
          </Link>{' '}
          says.
        </p>
        <AnsweredFrom at={at} />
      </Empty>
    );
  const { after: _, ...whole } = question;
  return (
    <>
      <div class="bar">
        <p role="status">
          <strong>{counted(total.revisions, 'version')}</strong> of {counted(total.messages, 'message')}
          {question.after !== undefined && ', a further page'}
        </p>
        {may('export') && (
          <Link class="button" href={questionAddress('/exports/new', whole)}>
            Export these
          </Link>
        )}
      </div>
      <ol class="results">
        {hits.map((hit) => (
          <HitItem key={`${hit.revision.place.entry} ${hit.revision.place.row}`} hit={hit} />
        ))}
      </ol>
      <nav class="pages" aria-label="Pages of hits">
        {question.after !== undefined && (
          <Link class="button" href={questionAddress('/search', whole)}>
            First page
          </Link>
        )}
        {next !== null && (
          <Link class="button" href={questionAddress('/search', { ...whole, after: next })}>
            Next page
          </Link>
        )}
      </nav>
      <AnsweredFrom at={at}>
        {countText(segments.read)} of {counted(segments.of, 'segment')} looked at.
      </AnsweredFrom>
    </>
  );
}

const WHERE = { text: 'text', file: 'file name', bot: "bot's card" } as const;

function HitItem({ hit: { revision, found } }: { readonly hit: Hit }) {
  const { session, messageId, sender, kind, text } = revision;
  const shown = found.length > 0 ? found : [{ in: 'text' as const, text, ranges: [] }];
  return (
    <li class="result">
      <div class="meta">
        <Link href={messageAddress(session.id, messageId)} data-item class="when">
          <Moment at={revision.sentAt} />
        </Link>
        <span class="who">
          <PersonName person={sender} full />
        </span>
        <Link class="where" href={conversationAddress(session.id, { around: messageId })}>
          <span class="unseen">In the conversation </span>
          <SessionName session={session} />
        </Link>
        <span class="marks">
          {kind !== 'sent' && (
            <span class={`badge ${kind}`}>
              {kind} <Moment at={revision.actionAt} />
            </span>
          )}
          {revision.senderExternal === true && <span class="badge external">external</span>}
          {revision.drift && (
            <span class="badge drift" title="This version was archived before with other content">
              drift
            </span>
          )}
          {revision.files.length > 0 && <span class="badge">{counted(revision.files.length, 'file')}</span>}
        </span>
      </div>
      {shown.map((each, index) => {
        const cut = excerpt(each.text, each.ranges);
        return (
          <p key={index} class="found">
            {each.in !== 'text' && <span class="label">{WHERE[each.in]}: </span>}
            {cut.before && '… '}
            {cut.text === '' ? (
              <span class="quiet">no text</span>
            ) : (
              <Inert text={cut.text} ranges={cut.ranges} />
            )}
            {cut.after && ' …'}
          </p>
        );
      })}
    </li>
  );
}

function dayOnly(moment: string | undefined): string | undefined {
  return moment?.slice(0, 10);
}
