import type { ReadAt } from '../../src/query/revision.ts';
import { countText } from '../text/amount.ts';

/** From which state of the archive an answer was read: whoever doubts it asks again at the same. */
export function AnsweredFrom({
  at,
  children,
}: {
  readonly at: ReadAt;
  readonly children?: preact.ComponentChildren;
}) {
  return (
    <p class="read-at">
      Read and verified at checkpoint <strong>{countText(at.size)}</strong> of <code>{at.origin}</code>, root{' '}
      <code title="Root hash of the log, base64">{at.root}</code>.{children !== undefined && <> {children}</>}
    </p>
  );
}
