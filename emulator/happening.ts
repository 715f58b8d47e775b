import type { Message, Person, ReactionStep, Revision, Session } from './account.ts';

/** Something that just happened in the account, as those hear of it who were promised to be told. */
export type Happening =
  | { readonly kind: 'sent'; readonly session: Session; readonly message: Message }
  | {
      readonly kind: 'revised';
      readonly session: Session;
      readonly message: Message;
      readonly revision: Revision;
    }
  | {
      readonly kind: 'reacted';
      readonly session: Session;
      readonly message: Message;
      readonly step: ReactionStep;
    }
  | {
      readonly kind: 'session-created' | 'session-renamed' | 'session-deleted';
      readonly session: Session;
      readonly at: number;
    }
  | {
      readonly kind: 'member-joined' | 'member-left';
      readonly session: Session;
      readonly person: Person;
      readonly at: number;
    };

/** Told of everything that happens, right after it happened. */
export type Listener = (happening: Happening) => void;
