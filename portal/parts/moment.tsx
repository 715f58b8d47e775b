import { zone } from '../state/choices.ts';
import { clockText, momentText, utcText } from '../text/time.ts';

interface MomentProps {
  readonly at: string;
  /** The time of day only, where the day stands above. */
  readonly clock?: boolean;
  readonly seconds?: boolean;
}

/** A moment in the reader's zone, UTC in its title. */
export function Moment({ at, clock = false, seconds = false }: MomentProps) {
  const text = clock ? clockText(at, zone.value, seconds) : momentText(at, zone.value, seconds);
  return (
    <time dateTime={at} title={utcText(at)}>
      {text}
    </time>
  );
}
