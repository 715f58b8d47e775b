/** Who is signed in, as he and his page are told. */
import { z } from 'zod';
import { ACTIONS, type Reader, ROLES } from '../query/reader.ts';
import type { CurrentArchive } from './current-archive.ts';
import { actionsOf } from './rights.ts';
import type { Session } from './sessions.ts';

export const me = z.object({
  name: z.string(),
  role: z.enum(ROLES),
  scope: z.object({
    matters: z.array(z.string()),
    custodians: z.array(z.string()),
    channels: z.array(z.string()),
    from: z.string().nullable(),
    to: z.string().nullable(),
  }),
  can: z.array(z.enum(ACTIONS)).describe('What the role allows.'),
  csrf: z.string().describe('Header `x-csrf-token` of every POST and DELETE.'),
  archive: z.object({
    origin: z.string(),
    size: z.number().describe('Entries of the log that answers come from.'),
    account: z.string(),
  }),
  expires: z.iso.datetime().describe('When the session ends whatever happens.'),
});

/** @param account of the archive */
export function meOf(
  reader: Reader,
  { csrf, endsAt }: Session,
  { checkpoint, account }: CurrentArchive,
): z.input<typeof me> {
  const { name, role, scope } = reader;
  return {
    name,
    role,
    scope: {
      matters: [...scope.matters],
      custodians: [...scope.custodians],
      channels: [...scope.channels],
      from: scope.from,
      to: scope.to,
    },
    can: [...actionsOf(role)],
    csrf,
    archive: { origin: checkpoint.origin, size: checkpoint.size, account },
    expires: new Date(endsAt).toISOString(),
  };
}
