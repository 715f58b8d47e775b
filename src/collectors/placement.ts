/**
 * Where Zoom puts edits and deletes in a report of several pages. Its reference says that the page size counts
 * messages only, which leaves open whether the edited and deleted arrays come whole with the first page or with the
 * messages of each. The archiver learns it from units whose pages it reads to the end anyway, and reads the pages
 * of a `modified` unit to the end until it knows. Pure.
 */
import { messageId } from '../record.ts';
import type { MessageRow, MessagesPage } from '../zoom/schemas.ts';

/** What was learned, over all units of the account. */
export interface PlacementEvidence {
  /** Units whose first page held a modification of a message that only a later page listed. */
  readonly whole: number;
  /** Units in which a later page held a modification that the first lacked. */
  readonly spread: number;
}

export const NO_EVIDENCE: PlacementEvidence = { whole: 0, spread: 0 };

/** One unit may mislead; several, none to the contrary, do not. */
const ENOUGH = 3;

/** True once it is known that the first page of a report holds all its modifications. */
export function firstPageHoldsAll(evidence: PlacementEvidence): boolean {
  return evidence.spread === 0 && evidence.whole >= ENOUGH;
}

/** Watches the pages of one unit, in order. */
export class PlacementObserver {
  readonly #firstPage = new Set<string>();
  readonly #elsewhere = new Set<string>();
  #firstSeenAt: number | undefined;
  #whole = false;
  #spread = false;

  /** @param settleMs an edit may happen, or appear, while pages are read; younger ones prove nothing */
  page(page: MessagesPage, observedAt: number, settleMs: number): void {
    const modified = [...(page.edited_messages ?? []), ...(page.deleted_messages ?? [])];
    if (this.#firstSeenAt === undefined) {
      this.#firstSeenAt = observedAt;
      const listed = new Set((page.messages ?? []).map((row) => messageId(row.id)));
      for (const row of modified) {
        this.#firstPage.add(name(row));
        const id = messageId(row.id);
        if (!listed.has(id)) this.#elsewhere.add(id);
      }
      return;
    }
    if (this.#elsewhere.size > 0 && !this.#whole) {
      this.#whole = (page.messages ?? []).some((row) => this.#elsewhere.has(messageId(row.id)));
    }
    const settled = this.#firstSeenAt - settleMs;
    this.#spread ||= modified.some(
      (row) => (row.action_timestamp ?? row.timestamp) < settled && !this.#firstPage.has(name(row)),
    );
  }

  /** The evidence with this unit's added. */
  addTo(evidence: PlacementEvidence): PlacementEvidence {
    return {
      whole: evidence.whole + (this.#whole && !this.#spread ? 1 : 0),
      spread: evidence.spread + (this.#spread ? 1 : 0),
    };
  }
}

function name(row: MessageRow): string {
  return `${messageId(row.id)} ${row.action_timestamp ?? row.timestamp}`;
}
