import { useEffect } from 'preact/hooks';
import { Link, useSearch } from 'wouter-preact';
import type { ExportSummary } from '../../src/export/export.ts';
import { ApiError, get, remove } from '../api/client.ts';
import type { ExportJob } from '../api/contract.ts';
import { Commands } from '../parts/copied.tsx';
import { Inert } from '../parts/inert.tsx';
import { Moment } from '../parts/moment.tsx';
import { Answer, Empty, Problem } from '../parts/states.tsx';
import { useAnswer } from '../state/answer.ts';
import { counted, countText, sizeText } from '../text/amount.ts';
import { plainText } from '../text/pieces.ts';

/** Milliseconds between looks at exports that run. */
const PACE = 1000;

/** Exports of this reader: how far they are, and their files. */
export function Exports() {
  const wanted = new URLSearchParams(useSearch()).get('id');
  const asked = useAnswer('exports', (abort) =>
    get<{ exports: readonly ExportJob[] }>('/api/exports', abort),
  );
  const { answer, again } = asked;
  useEffect(() => {
    if (answer?.exports.some(({ state }) => state === 'running') !== true) return;
    const timer = setTimeout(again, PACE);
    return () => clearTimeout(timer);
  }, [answer, again]);
  return (
    <>
      <div class="bar">
        <h1>Exports</h1>
        <Link class="button primary" href="/exports/new">
          New export
        </Link>
      </div>
      <Answer of={{ ...asked, isLoading: asked.isLoading && answer === undefined }} loading="Reading exports">
        {({ exports }) =>
          exports.length === 0 ? (
            <Empty>
              <p>
                <strong>No export yet.</strong> Start one here, from a search or from a conversation.
              </p>
            </Empty>
          ) : (
            <ul class="exports">
              {exports.map((job) => (
                <Job key={job.id} job={job} isWanted={job.id === wanted} again={again} />
              ))}
            </ul>
          )
        }
      </Answer>
    </>
  );
}

const PHASES = {
  reading: 'Reading',
  rendering: 'Rendering',
  proving: 'Proving',
  checking: 'Checking',
} as const;
const STATES = { running: 'running', done: 'done', failed: 'failed' } as const;

interface JobProps {
  readonly job: ExportJob;
  readonly isWanted: boolean;
  readonly again: () => void;
}

function Job({ job, isWanted, again }: JobProps) {
  const { id, by, at, reason, state, summary, error } = job;
  const forget = (): void => {
    void remove(`/api/exports/${encodeURIComponent(id)}`).then(again, again);
  };
  return (
    <li class={isWanted ? 'export wanted' : 'export'} aria-label={`Export: ${plainText(reason)}`}>
      <div class="head">
        <strong>
          <Inert text={reason} plain />
        </strong>
        <span class={`badge ${state}`}>{STATES[state]}</span>
      </div>
      <p class="quiet">
        Started <Moment at={at} /> by <Inert text={by} plain />
        {job.input !== undefined && <>; {(job.input.formats ?? ['rsmf']).join(', ').toUpperCase()}</>}
      </p>
      {state === 'running' && <Progress job={job} />}
      {error !== undefined && <Problem problem={new ApiError(0, error)} />}
      {summary !== undefined && <Summary summary={summary} />}
      <p class="bar">
        {state === 'done' && (
          <a
            class="button primary"
            href={`/api/exports/${encodeURIComponent(id)}/download`}
            download
            data-item
          >
            Download
          </a>
        )}
        <button type="button" onClick={forget}>
          {state === 'running' ? 'Stop' : 'Remove from this list'}
        </button>
      </p>
      {state === 'done' && (
        <details>
          <summary>How to check it</summary>
          <p>
            Where the program is installed, without archive and network. KEY is the public key of the log,
            best had by another way than this page.
          </p>
          <Commands
            lines={[
              `zoom-chat-archiver verify-export --key KEY export-${at.slice(0, 10)}-${id.slice(0, 8)}.zip`,
            ]}
            label="Command that checks the export"
          />
        </details>
      )}
    </li>
  );
}

function Progress({ job: { phase, done, of } }: { readonly job: ExportJob }) {
  const text = of === 0 ? `${PHASES[phase]}…` : `${PHASES[phase]}: ${countText(done)} of ${countText(of)}`;
  return (
    <p>
      <span role="status">{text}</span>
      {of === 0 ? (
        <progress aria-label={text} />
      ) : (
        <progress aria-label={PHASES[phase]} value={done} max={of} />
      )}
    </p>
  );
}

function Summary({
  summary: { sha256, bytes, revisions, messages, conversations, files, holes },
}: {
  readonly summary: ExportSummary;
}) {
  return (
    <>
      <p>
        {counted(revisions, 'version')} of {counted(messages, 'message')} in{' '}
        {counted(conversations, 'conversation')}, {counted(files, 'file')}, {sizeText(bytes)}.{' '}
        {holes === 0 ? (
          'No hole in the coverage.'
        ) : (
          <strong class="bad">{counted(holes, 'hole')} in the coverage, named in the manifest.</strong>
        )}
      </p>
      <p class="quiet">
        SHA-256 <code class="long">{sha256}</code>
      </p>
    </>
  );
}
