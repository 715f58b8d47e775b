/** How far back Zoom serves a log whose depth it does not document. */
import { utcDay } from '../record.ts';
import { DAY_MS } from './windows.ts';

/**
 * The first date that Zoom serves, by halving what lies between a date it refuses and one it serves. `oldest` itself when
 * nothing speaks against it: also when the newest date is refused, or a date is refused only now and then, for then it
 * is not the age that Zoom objects to, and the units of those days will say what it is.
 * @param oldest date, `yyyy-mm-dd`
 * @param newest a later date
 */
export async function firstServedDate(
  oldest: string,
  newest: string,
  isServed: (date: string) => Promise<boolean>,
): Promise<string> {
  if ((await isServed(oldest)) || !(await isServed(newest))) return oldest;
  let refused = Date.parse(oldest);
  let served = Date.parse(newest);
  while (served - refused > DAY_MS) {
    const middle = refused + Math.floor((served - refused) / DAY_MS / 2) * DAY_MS;
    if (await isServed(utcDay(middle))) served = middle;
    else refused = middle;
  }
  return (await isServed(utcDay(refused))) ? oldest : utcDay(served);
}
