import { useEffect, useState } from 'preact/hooks';
import { get, post } from '../api/client.ts';
import type { Verification } from '../api/contract.ts';
import { Commands } from '../parts/copied.tsx';
import { Inert } from '../parts/inert.tsx';
import { Moment } from '../parts/moment.tsx';
import { Scrolled } from '../parts/scrolled.tsx';
import { Answer, Problem } from '../parts/states.tsx';
import { useAnswer } from '../state/answer.ts';
import { counted, countText } from '../text/amount.ts';

/** Milliseconds between looks at a verification that runs. */
const PACE = 3000;

/** Whether the archive as a whole held when it was last verified. */
export function VerificationScreen() {
  const asked = useAnswer('verification', (abort) => get<Verification>('/api/verification', abort));
  const { answer, again } = asked;
  useEffect(() => {
    if (answer?.state !== 'running') return;
    const timer = setTimeout(again, PACE);
    return () => clearTimeout(timer);
  }, [answer, again]);
  return (
    <>
      <h1>Verification</h1>
      <Answer
        of={{ ...asked, isLoading: asked.isLoading && answer === undefined }}
        loading="Asking for the last verification"
      >
        {(verification) => <Verdict verification={verification} again={again} />}
      </Answer>
    </>
  );
}

const VERDICTS = {
  never: 'Not verified as a whole yet',
  running: 'Verification is running',
  holds: 'The archive holds',
  failed: 'The archive does not hold',
} as const;

interface VerdictProps {
  readonly verification: Verification;
  readonly again: () => void;
}

function Verdict({ verification, again }: VerdictProps) {
  const { state, at, size, root, origin, key, seconds, findings, more, covered, lost, error } = verification;
  const [problem, setProblem] = useState<unknown>(undefined);
  const verify = (): void => {
    setProblem(undefined);
    post('/api/verification').then(again, setProblem);
  };
  return (
    <>
      <p class={`verdict ${state}`} role="status">
        <strong>{VERDICTS[state]}</strong>
        {at !== null && (
          <>
            , <Moment at={at} seconds />
          </>
        )}
        {seconds !== null && <>, in {countText(Math.round(seconds * 10) / 10)} s</>}
      </p>
      <p>
        {at !== null && 'Log, segments, files, locks and coverage were compared with one another. '}
        Every answer of this portal is verified when it is read, whenever that is.
      </p>
      {error !== null && (
        <p class="bad">
          The last one came to no verdict: <Inert text={error} plain />
        </p>
      )}
      {problem !== undefined && <Problem problem={problem} />}
      <p>
        <button type="button" onClick={verify} disabled={state === 'running'}>
          Verify now
        </button>
      </p>
      <dl class="facts-list">
        <dt>Log</dt>
        <dd>
          <code>{origin}</code>
        </dd>
        {at !== null && (
          <>
            <dt>Entries</dt>
            <dd>{countText(size)}</dd>
            <dt>Root</dt>
            <dd>
              <code class="long">{root}</code>
            </dd>
          </>
        )}
        <dt>Public key</dt>
        <dd>
          <code class="long">{key}</code>
        </dd>
        <dt>Lost before collection</dt>
        <dd>{lost === 0 ? 'nothing' : counted(lost, 'window')}</dd>
      </dl>
      <h2>Findings</h2>
      {findings.length === 0 ? (
        <p>{state === 'holds' ? 'None.' : 'None so far.'}</p>
      ) : (
        <Scrolled label="Findings">
          <table>
            <thead>
              <tr>
                <th scope="col">Check</th>
                <th scope="col">What is wrong</th>
                <th scope="col">Object</th>
                <th scope="col">Expected</th>
                <th scope="col">Found</th>
              </tr>
            </thead>
            <tbody>
              {findings.map((finding, index) => (
                <tr key={index}>
                  <td>{finding.check}</td>
                  <td>{finding.what}</td>
                  {[finding.key, finding.expected, finding.found].map((value, column) => (
                    <td key={column}>
                      {value !== '' && (
                        <code class="long">
                          <Inert text={value} plain />
                        </code>
                      )}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </Scrolled>
      )}
      {more > 0 && <p>{counted(more, 'finding')} more; the command below prints all.</p>}
      {covered.length > 0 && (
        <>
          <h2>Covered</h2>
          <Scrolled label="Covered">
            <table>
              <thead>
                <tr>
                  <th scope="col">Stream</th>
                  <th scope="col">From</th>
                  <th scope="col">To</th>
                </tr>
              </thead>
              <tbody>
                {covered.map(({ stream, from, to }) => (
                  <tr key={stream}>
                    <th scope="row">{stream.replaceAll('_', ' ')}</th>
                    <td>
                      <Moment at={from} />
                    </td>
                    <td>
                      <Moment at={to} />
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </Scrolled>
        </>
      )}
      <h2>How to verify it yourself</h2>
      <p>With read access to the archive, and the public key from somebody you trust:</p>
      <Commands
        lines={[`zoom-chat-archiver verify --archive <folder or bucket> --key '${key}'`]}
        label="Command that verifies the archive"
      />
    </>
  );
}
