import { difference } from '../../src/query/difference.ts';
import type { Revision } from '../../src/query/revision.ts';
import { Inert } from './inert.tsx';
import { Moment } from './moment.tsx';

const DEEDS = { sent: 'Sent', edited: 'Edited', deleted: 'Deleted' } as const;

/** Every version, each with what changed since the one before: by sign and colour, and said in words. */
export function Versions({ versions }: { readonly versions: readonly Revision[] }) {
  return (
    <ol class="versions">
      {versions.map((version, index) => {
        const before = versions.slice(0, index).findLast(({ kind }) => kind !== 'deleted');
        return (
          <li key={`${version.place.entry} ${version.place.row}`}>
            <p class="label">
              {DEEDS[version.kind]} <Moment at={version.actionAt} seconds />, seen{' '}
              <Moment at={version.observedAt} seconds />
              {version.drift && <span class="badge drift">drift</span>}
            </p>
            {version.kind === 'deleted' && version.text === '' ? (
              <p class="quiet">Zoom reports a deletion without its text.</p>
            ) : before === undefined ? (
              <div class="text">
                <Inert text={version.text} />
              </div>
            ) : (
              <Difference before={before.text} after={version.text} />
            )}
          </li>
        );
      })}
    </ol>
  );
}

function Difference({ before, after }: { readonly before: string; readonly after: string }) {
  if (before === after)
    return (
      <div class="text">
        <Inert text={after} /> <span class="quiet">(text unchanged)</span>
      </div>
    );
  return (
    <div class="text difference">
      {difference(before, after).map(({ kind, text }, index) => {
        if (kind === 'kept') return <Inert key={index} text={text} />;
        const Change = kind === 'added' ? 'ins' : 'del';
        return (
          <Change key={index}>
            <span class="unseen">{kind === 'added' ? ' added: ' : ' removed: '}</span>
            <Inert text={text} />
            <span class="unseen"> end of change </span>
          </Change>
        );
      })}
    </div>
  );
}
