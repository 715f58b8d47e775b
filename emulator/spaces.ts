/** Shared spaces: people and channels under one roof. */
import type { Account, Person } from './account.ts';
import type { Channel, ChannelRole } from './channels.ts';
import { hashText, Random } from './random.ts';

export type SpaceChannelType = 'general' | 'private' | 'public_for_members';

/** As Zoom writes them. */
export interface SpaceSettings {
  readonly allow_to_add_external_users: 0 | 1 | 2 | 3;
  readonly add_member_permissions: 1 | 2;
  readonly create_channels_permission: 1 | 2;
}

export interface Space {
  readonly id: string;
  name: string;
  description: string;
  readonly owner: Person;
  administrators: readonly Person[];
  /** With owner and administrators. */
  members: readonly Person[];
  channels: readonly { readonly channel: Channel; readonly type: SpaceChannelType }[];
  readonly settings: SpaceSettings;
}

/** One space for every so many channels. */
const CHANNELS_PER_SPACE = 8;
const MOST_SPACES = 40;
const NAMES = ['Projects', 'Équipe Lyon', 'Partners & friends', 'Field work', 'רכש'];

/** What somebody who is in the space is there. */
export function roleInSpace(space: Space, person: Person): ChannelRole {
  if (person === space.owner) return 'owner';
  return space.administrators.includes(person) ? 'admin' : 'member';
}

/** Puts private channels of the account under spaces: the first of each is its general channel. */
export function addSpaces(account: Account): void {
  // Only private channels can stand in a shared space.
  const channels = [...account.channels.values()].filter(({ type }) => type === 1 || type === 2);
  for (let start = 0; start < channels.length; start += CHANNELS_PER_SPACE) {
    if (account.spaces.length === MOST_SPACES) return;
    const general = channels[start] as Channel;
    const random = new Random(hashText(`space ${general.id}`));
    const here = channels.slice(start, start + 1 + random.below(4));
    const members = [...new Set(here.flatMap(({ session }) => session.members))];
    const { owner } = general;
    account.spaces.push({
      id: random.hex(32),
      name: `${random.pick(NAMES)} ${account.spaces.length + 1}`,
      description: random.chance(0.3) ? '' : 'What we do together',
      owner,
      administrators: members.filter((person) => person !== owner && random.chance(0.15)),
      members,
      channels: here.map((channel, index) => ({
        channel,
        type: index === 0 ? 'general' : random.pick(['private', 'public_for_members'] as const),
      })),
      settings: {
        allow_to_add_external_users: random.pick([0, 1, 2, 3] as const),
        add_member_permissions: random.pick([1, 2] as const),
        create_channels_permission: random.pick([1, 2] as const),
      },
    });
  }
}
