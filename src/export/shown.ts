/** How messages stand in formats for people, and how names of others become names of files. Pure. */
import { hash } from 'node:crypto';
import type { Person, SessionRef } from '../query/revision.ts';
import type { ExportedMessage, ToldDay } from './surroundings.ts';

export function personName({ name, email, memberId }: Person): string {
  return name || email || memberId || 'unknown';
}

/** Who, with his address where it is known. */
export function personLabel(person: Person): string {
  const name = personName(person);
  return person.email === '' || person.email === name ? name : `${name} <${person.email}>`;
}

export function sessionLabel({ name, id, type }: SessionRef, people: readonly Person[]): string {
  if (name !== '') return name;
  return type === '1:1' && people.length > 0 ? people.map(personName).join(', ') : id;
}

/** What was said in all ways that Zoom has: text, a bot's card, GIFs, what was forwarded. */
export function saidText({ text, versions, forwarded }: ExportedMessage): string {
  const last = versions.at(-1);
  const parts = [text];
  if (last?.bot !== null && last?.bot !== undefined && last.bot !== text && last.bot !== '')
    parts.push(`[card]\n${last.bot}`);
  for (const url of last?.giphy ?? []) parts.push(`[GIF] ${url}`);
  if (forwarded !== null) {
    const from = `${personLabel(forwarded.sender)}${forwarded.sentAt === null ? '' : `, ${forwarded.sentAt}`}`;
    parts.push(
      forwarded.reason === null
        ? `[forwarded from ${from}]\n${forwarded.text}`
        : `[forwarded, not in the archive: ${forwarded.reason}]`,
    );
  }
  return parts.filter((part) => part !== '').join('\n');
}

/** A text of others as a part of a file name: nothing but what every file system takes. */
export function safeName(text: string, longest = 40): string {
  const plain = text
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .replace(/[^A-Za-z0-9.-]+/g, '_')
    .replace(/\.{2,}/g, '.')
    .replace(/^[_.-]+|[_.-]+$/g, '');
  return plain.slice(0, longest).replace(/[_.-]+$/, '');
}

/** A name of its own for a conversation's day. @returns without folder and extension */
export function dayName({ day, session, ref, people }: ToldDay): string {
  const name = safeName(sessionLabel(ref, people));
  return [day, ...(name === '' ? [] : [name]), hash('sha256', session, 'hex').slice(0, 12)].join('_');
}
