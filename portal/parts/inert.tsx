/** Text that others wrote. It is only ever a text node: whatever looks like markup in it is shown, not meant. */
import { type MarkPiece, type PlainPiece, piecesOf, plainText, type Range } from '../text/pieces.ts';

interface InertProps {
  readonly text: string;
  readonly ranges?: readonly Range[];
  /** Without links, for places that are links themselves. */
  readonly plain?: boolean;
}

/** A stretch of foreign text in its own direction, so that it cannot turn around what stands beside it. */
export function Inert({ text, ranges = [], plain = false }: InertProps) {
  return (
    <bdi class="inert">
      {piecesOf(text, ranges).map((piece, index) => {
        if (piece.type !== 'link') return <Stretch key={index} piece={piece} />;
        const inside = piece.pieces.map((part, at) => <Stretch key={at} piece={part} />);
        if (plain) return inside;
        return (
          <span key={index}>
            <a href={piece.href} rel="noopener noreferrer nofollow ugc" target="_blank">
              {inside}
            </a>
            <span class="leads-to" title="Where this link leads. It opens in a new tab.">
              {' '}
              → {piece.host}
            </span>
          </span>
        );
      })}
    </bdi>
  );
}

function Stretch({ piece }: { readonly piece: PlainPiece | MarkPiece }) {
  if (piece.type === 'mark')
    return (
      <abbr class="control" title={piece.title}>
        {piece.label}
      </abbr>
    );
  return piece.found ? <mark>{piece.text}</mark> : <span>{piece.text}</span>;
}

interface PersonNameProps {
  readonly person: { readonly name: string; readonly email: string; readonly memberId: string };
  /** Also the address, where a name is known. */
  readonly full?: boolean;
}

/** A person by name; names can be chosen freely, so the address stands beside it or in its title. */
export function PersonName({ person, full = false }: PersonNameProps) {
  const { name, email, memberId } = person;
  const id = email || memberId;
  if (name === '') return <Inert text={id || 'unknown'} plain />;
  return (
    <span title={plainText(id)}>
      <Inert text={name} plain />
      {full && id !== '' && (
        <span class="quiet">
          {' '}
          <Inert text={id} plain />
        </span>
      )}
    </span>
  );
}

/** The name of a session; a direct conversation may have none. */
export function SessionName({
  session,
}: {
  readonly session: { readonly name: string; readonly id: string; readonly type: string };
}) {
  if (session.name !== '') return <Inert text={session.name} plain />;
  return <span>{session.type === '1:1' ? 'Direct conversation' : 'Session without a name'}</span>;
}
