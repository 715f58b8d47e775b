import { Link, useSearch } from 'wouter-preact';
import type { MessageRecord, MessageView } from '../../src/query/message.ts';
import { post } from '../api/client.ts';
import { Commands } from '../parts/copied.tsx';
import { Inert, PersonName, SessionName } from '../parts/inert.tsx';
import { Moment } from '../parts/moment.tsx';
import { AnsweredFrom } from '../parts/read-at.tsx';
import { Lines } from '../parts/scrolled.tsx';
import { Answer } from '../parts/states.tsx';
import { Versions } from '../parts/versions.tsx';
import { conversationAddress } from '../state/address.ts';
import { useAnswer } from '../state/answer.ts';
import { counted, countText } from '../text/amount.ts';
import { fromBase64, save } from '../text/saving.ts';
import { type ZippedFile, zipOf } from '../text/zip.ts';

/** Everything archived of one message, and how somebody else checks it. */
export function MessageScreen() {
  const values = new URLSearchParams(useSearch());
  const message = values.get('message') ?? '';
  const session = values.get('session') ?? '';
  const question = { message, ...(session === '' ? {} : { session }), proofs: true };
  const view = useAnswer(message === '' ? null : JSON.stringify(question), (abort) =>
    post<MessageView>('/api/message', question, abort),
  );
  return (
    <>
      <h1>Message</h1>
      {message === '' && <p>The address names no message.</p>}
      <Answer of={view} loading="Reading the message and its proofs">
        {(answer) => <Evidence view={answer} />}
      </Answer>
    </>
  );
}

function Evidence({ view }: { readonly view: MessageView }) {
  const { versions, records, messageId, key, at } = view;
  const last = versions.at(-1);
  const proven = records.filter(({ evidence }) => evidence !== null);
  const command = checkCommand(key, records);
  const saveAll = (): void => {
    const files = proven.flatMap(({ evidence }): readonly ZippedFile[] =>
      evidence === null
        ? []
        : [
            { name: `${evidence.name}.record`, bytes: fromBase64(evidence.record) },
            { name: `${evidence.name}.tlog-proof`, bytes: new TextEncoder().encode(evidence.proof) },
          ],
    );
    save(`message-${messageId}.zip`, zipOf(files));
  };
  return (
    <>
      {last !== undefined && (
        <dl class="facts-list">
          <dt>Sender</dt>
          <dd>
            <PersonName person={last.sender} full />
            {last.senderExternal === true && <span class="badge external">external</span>}
          </dd>
          <dt>Sent</dt>
          <dd>
            <Moment at={last.sentAt} seconds />
          </dd>
          <dt>Conversation</dt>
          <dd>
            <Link href={conversationAddress(last.session.id, { around: messageId })}>
              <SessionName session={last.session} />
            </Link>
          </dd>
          <dt>Id</dt>
          <dd>
            <code>{messageId}</code>
          </dd>
        </dl>
      )}
      <section aria-labelledby="versions">
        <h2 id="versions">Versions</h2>
        <Versions versions={versions} />
      </section>
      <section aria-labelledby="records">
        <h2 id="records">Records and proofs</h2>
        <p>
          Each record is what Zoom sent, byte for byte. Its proof leads from these bytes to the signed
          checkpoint of the archive's log: whoever has the public key can check it without this portal, and
          without trusting whoever runs it.
        </p>
        <Records records={records} />
        <p class="bar">
          <button type="button" class="primary" onClick={saveAll} disabled={proven.length === 0}>
            Save records and proofs
          </button>
          <span class="quiet">One ZIP with {counted(proven.length, 'record')} and as many proofs</span>
        </p>
      </section>
      <section aria-labelledby="check">
        <h2 id="check">How to check it</h2>
        <ol class="steps">
          <li>Save the records and proofs, and unpack them into a folder.</li>
          <li>
            Get the public key of the log from somebody you trust, by another way than this page. It has to be
            this one:
            <Commands lines={[key]} label="Public key" />
          </li>
          <li>
            Run this in that folder, where the program is installed. It needs neither the archive nor a
            network.
            <Commands lines={command} label="Command that checks the proofs" />
          </li>
          <li>
            Or make the proofs anew from the archive itself:
            <Commands
              lines={[`zoom-chat-archiver prove --message ${messageId} --out ./evidence`]}
              label="Command that makes the proofs"
            />
          </li>
        </ol>
      </section>
      <AnsweredFrom at={at} />
    </>
  );
}

function checkCommand(key: string, records: readonly MessageRecord[]): readonly string[] {
  const files = records.flatMap(({ evidence }) => (evidence === null ? [] : [`${evidence.name}.tlog-proof`]));
  return [`zoom-chat-archiver verify-proof --key '${key}'`, ...files.map((file) => `  ${file}`)].map(
    (line, index) => (index === files.length ? line : `${line} \\`),
  );
}

function Records({ records }: { readonly records: readonly MessageRecord[] }) {
  return (
    <ol class="records">
      {records.map((record) => (
        <li key={`${record.place.entry} ${record.place.row}`}>
          <p>
            <strong>{record.kind}</strong> <span class="quiet">of {record.stream}, observed</span>{' '}
            <Moment at={record.observedAt} seconds />
            {record.drift && <span class="badge drift">drift</span>}
          </p>
          <dl class="facts-list small">
            <dt>Hash</dt>
            <dd>
              <code>{record.hash}</code>
            </dd>
            <dt>Segment</dt>
            <dd>
              <code>{record.place.segment}</code>, row {countText(record.place.row)}, entry{' '}
              {countText(record.place.entry)} of the log
            </dd>
          </dl>
          <details>
            <summary>What Zoom sent</summary>
            <Lines label={`What Zoom sent, ${record.kind} ${record.observedAt}, row ${record.place.row}`}>
              <Inert text={indented(record.record)} plain />
            </Lines>
          </details>
          {record.evidence !== null && (
            <details>
              <summary>Proof</summary>
              <Lines label={`Proof of row ${record.place.row} of entry ${record.place.entry}`}>
                <code>{record.evidence.proof}</code>
              </Lines>
              <Saving record={record} />
            </details>
          )}
        </li>
      ))}
    </ol>
  );
}

function Saving({ record: { evidence } }: { readonly record: MessageRecord }) {
  if (evidence === null) return null;
  return (
    <p class="bar">
      <button type="button" onClick={() => save(`${evidence.name}.record`, fromBase64(evidence.record))}>
        Save the record
      </button>
      <button type="button" onClick={() => save(`${evidence.name}.tlog-proof`, evidence.proof)}>
        Save the proof
      </button>
    </p>
  );
}

/** For reading only: what is saved and hashed are the bytes as they came. */
function indented(record: string): string {
  try {
    return JSON.stringify(JSON.parse(record), null, 2);
  } catch {
    return record;
  }
}
