/** A message with all of its versions as plain text, for mails and text files. Pure. */
import { personLabel, saidText } from './shown.ts';
import type { ExportedMessage } from './surroundings.ts';
import type { ZoneClock } from './time.ts';

export function transcriptOf(message: ExportedMessage, clock: ZoneClock): string {
  const { at, sender, state, replyTo, reactions, files, revisions } = message;
  const time = (moment: string): string => clock.shown(Date.parse(moment));
  const lines = [
    `${time(at)}  ${personLabel(sender)}${state === 'standing' ? '' : `  [${state}]`}`,
    ...(replyTo === null ? [] : [`answers ${replyTo}`]),
    '',
    saidText(message),
  ];
  for (const { name, object, size, reason } of files)
    lines.push(
      object === null
        ? `[file not in the archive: ${name}, ${size ?? '?'} bytes, ${reason ?? 'unknown'}]`
        : `[file: ${name}, ${object.size} bytes, SHA-256 ${object.sha256}]`,
    );
  for (const { emoji, people } of reactions) lines.push(`[${emoji} ${people.map(personLabel).join(', ')}]`);
  if (revisions.length > 1) {
    lines.push('', '--- versions ---');
    for (const { kind, actionAt, text } of revisions) lines.push('', `${time(actionAt)}  ${kind}`, text);
  }
  return `${lines.join('\n')}\n`;
}
