/** Short names of the reactions that RSMF viewers draw; others are shown as they are. */

const NAMES: ReadonlyMap<string, string> = new Map([
  ['👍', 'thumbsup'],
  ['👎', 'thumbsdown'],
  ['❤️', 'heart'],
  ['❤', 'heart'],
  ['😂', 'joy'],
  ['😀', 'grinning'],
  ['😄', 'smile'],
  ['😮', 'open_mouth'],
  ['😢', 'cry'],
  ['😡', 'rage'],
  ['🎉', 'tada'],
  ['👏', 'clap'],
  ['🙏', 'pray'],
  ['🔥', 'fire'],
  ['👀', 'eyes'],
  ['✅', 'white_check_mark'],
  ['🚀', 'rocket'],
  ['💯', '100'],
]);

export function reactionName(emoji: string): string {
  return NAMES.get(emoji) ?? emoji;
}
