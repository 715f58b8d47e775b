/**
 * What a retention schedule and legal holds come to, reckoned without our program: plain dates, and every schedule that
 * was ever in force.
 */

export interface Terms {
  readonly keep: string;
  readonly mode: 'governance' | 'compliance';
  readonly disposition: 'destroy' | 'review' | 'keep';
}

export interface Rule extends Terms {
  readonly class: string;
  readonly match: {
    readonly session?: readonly string[];
    readonly sessionType?: string;
    readonly sender?: string;
  };
}

/** As a configuration has it; only what the story needs. */
export interface Schedule {
  readonly rules: readonly Rule[];
  readonly default: Terms & { readonly class: string };
}

/** What a schedule or a hold can ask of a record. */
export interface Facts {
  /** Session id, or `matter:` and the id of one; undefined for what is of no place. */
  readonly place: string | undefined;
  readonly session?: { readonly name: string; readonly type: string };
  /** E-mail address. */
  readonly sender?: string;
  /** UTC, `yyyy-mm-dd`. */
  readonly day: string;
}

export interface Promised {
  /** Milliseconds. */
  readonly until: number;
  readonly mode: Terms['mode'];
  readonly class: string;
  readonly disposition: Terms['disposition'];
}

/** Days, months or years after the end of a UTC day; milliseconds. */
export function endOf(day: string, keep: string): number {
  const end = new Date(`${day}T00:00:00Z`);
  end.setUTCDate(end.getUTCDate() + 1);
  const count = Number.parseInt(keep, 10);
  if (keep.endsWith('d')) end.setUTCDate(end.getUTCDate() + count);
  if (keep.endsWith('m')) end.setUTCMonth(end.getUTCMonth() + count);
  if (keep.endsWith('y')) end.setUTCFullYear(end.getUTCFullYear() + count);
  return end.getTime();
}

export function classOf({ rules, default: fallback }: Schedule, facts: Facts): Terms & { class: string } {
  const { session, sender } = facts;
  const fitting = rules.filter(
    ({ match }) =>
      (match.session === undefined || match.session.includes(session?.name ?? '')) &&
      (match.sessionType === undefined || match.sessionType === session?.type) &&
      (match.sender === undefined || match.sender === sender),
  );
  const [first, ...others] = fitting;
  if (first === undefined) return fallback;
  // How long they keep from any one day is order enough for the periods of the story.
  return others.reduce((best, rule) => (keepsLonger(rule, best) ? rule : best), first);
}

function keepsLonger(one: Terms, other: Terms): boolean {
  return endOf('2001-01-01', one.keep) > endOf('2001-01-01', other.keep);
}

/** All schedules that came into force, in their order. */
export class Schedules {
  readonly #inForce: { readonly schedule: Schedule; readonly from: number }[] = [];

  enforce(schedule: Schedule, from: number): void {
    this.#inForce.push({ schedule, from });
  }

  get now(): Schedule {
    const last = this.#inForce.at(-1);
    if (last === undefined) throw new Error('no schedule');
    return last.schedule;
  }

  /**
   * The most that was ever promised for a record since it was archived.
   * @param archivedAt milliseconds
   * @param day from whose end the period counts
   */
  promised(facts: Facts, archivedAt: number, day = facts.day): Promised {
    const promises = this.#since(archivedAt).map((schedule): Promised => {
      const { class: name, keep, mode, disposition } = classOf(schedule, facts);
      return { until: endOf(day, keep), mode, class: name, disposition };
    });
    return strictest(promises);
  }

  /** The class that a record got when it was archived. */
  classAt(facts: Facts, archivedAt: number): string {
    const [schedule = this.now] = this.#since(archivedAt);
    return classOf(schedule, facts).class;
  }

  #since(moment: number): readonly Schedule[] {
    return this.#inForce
      .filter((_, place) => (this.#inForce[place + 1]?.from ?? Number.POSITIVE_INFINITY) > moment)
      .map(({ schedule }) => schedule);
  }
}

/** Of many promises what keeps all of them. The class is that of the longest. */
export function strictest(promises: readonly Promised[]): Promised {
  const [first, ...others] = promises;
  if (first === undefined) throw new Error('nothing is promised');
  return others.reduce((all, one) => {
    const mode = all.mode === 'compliance' || one.mode === 'compliance' ? 'compliance' : 'governance';
    return { ...(one.until > all.until ? one : all), mode };
  }, first);
}

export interface TruthHold {
  readonly id: string;
  /** Places that it covers now. */
  readonly places: () => ReadonlySet<string>;
  /** UTC days, both included; open where they are missing. */
  readonly from?: string;
  readonly to?: string;
  /** End of the cool-off, milliseconds; undefined while it is not released. */
  endsAt?: number | undefined;
}

/** Holds by what they cover. */
export class Holds {
  readonly #holds = new Map<string, TruthHold>();

  place(hold: TruthHold): void {
    this.#holds.set(hold.id, hold);
  }

  release(id: string, endsAt: number): void {
    this.#find(id).endsAt = endsAt;
  }

  cancel(id: string): void {
    this.#find(id).endsAt = undefined;
  }

  /** Whether a hold that is in force at `now` (milliseconds) covers it; in its cool-off a hold is. */
  covers({ place, day }: Pick<Facts, 'place' | 'day'>, now: number): boolean {
    if (place === undefined) return false;
    return [...this.#holds.values()].some(
      ({ places, from = '', to = '9999', endsAt = Number.POSITIVE_INFINITY }) =>
        endsAt > now && from <= day && day <= to && places().has(place),
    );
  }

  #find(id: string): TruthHold {
    const hold = this.#holds.get(id);
    if (hold === undefined) throw new Error(`no hold ${id}`);
    return hold;
  }
}
