import type { Random } from './random.ts';

const OPENINGS = [
  'Quick question:',
  'Heads up,',
  'Morning all,',
  'FYI',
  'As discussed,',
  'Small update:',
  'Sorry for the delay,',
  'Before I forget:',
  'Yes,',
  'No,',
  'Agreed,',
  'Hm,',
  'Done:',
  'One more thing:',
  'For the record,',
  'Thanks,',
];
const SUBJECTS = [
  'the release',
  'the invoice for March',
  'our new supplier',
  'the staging cluster',
  'the customer in Lyon',
  'the audit',
  'my holiday request',
  'the draft contract',
  'the build',
  'the board deck',
  'the pricing page',
  'the on-call rota',
  'the migration',
  'the signed copy',
  'the café booking',
  'the training room',
];
const VERBS = [
  'is still waiting for',
  'should not go out before',
  'was moved because of',
  'needs a second look at',
  'depends on',
  'is ready apart from',
  'has nothing to do with',
  'was approved after',
  'broke again during',
  'will be cheaper than',
  'must be archived with',
  'is late, see',
  'came back without',
  'was copied from',
  'fits better with',
  'has been replaced by',
];
const OBJECTS = [
  'ticket',
  'purchase order',
  'change request',
  'the minutes of meeting',
  'item',
  'room',
  'build',
  'page',
  'clause',
  'customer',
  'pull request',
  'delivery',
  'the note from line',
  'case',
  'version',
  'paragraph',
];
const CLOSINGS = [
  '',
  '',
  '',
  '',
  '',
  ' Can you check?',
  ' I will call them after lunch.',
  ' No rush.',
  ' See the thread above.',
  ' Let us decide on Thursday.',
  ' Who owns this?',
  ' I asked legal as well.',
  ' ok?',
  ' Ping me when it is in.',
  ' Nothing to do for now.',
  ' Everything else can wait until next week, I think.',
];
const EMOJI = [' 🙂', ' 🎉', ' 👍🏽', ' 🤷‍♀️', ' ✅', ' 👩‍💻', ' 🇳🇱', ' 🫠'];
const RIGHT_TO_LEFT = [
  'שלום לכולם, הפגישה נדחתה ליום שלישי בשעה 10:30.',
  'مرحبا، تم إرسال العقد إلى العميل (ACME) صباح اليوم.',
  'אפשר לקבל את הקובץ report.pdf עד מחר? תודה!',
  'الرجاء مراجعة النسخة ٣ قبل الاجتماع \u200f(٢٠٢٦).',
];
const OTHER_SCRIPTS = [
  '会議は午後3時からです。よろしくお願いします。',
  'Встречу перенесли на среду.',
  'Grüße aus Köln – bis später!',
];

/** A message as people at work write it, 80 characters more or less; a few in other scripts, with emoji or empty. */
export function writeText(random: Random): string {
  const odd = random.below(1000);
  if (odd < 10) return `${random.pick(RIGHT_TO_LEFT)} ${random.below(1000)}`;
  if (odd < 20) return `${random.pick(OTHER_SCRIPTS)} ${random.below(1000)}`;
  if (odd < 50) return plainText(random) + random.pick(EMOJI);
  if (odd < 55) return `${plainText(random)}\n- "${random.pick(SUBJECTS)}"\n\t\\${random.pick(OBJECTS)}`;
  if (odd < 58) return '';
  return plainText(random);
}

/** A text of about 60 KB. */
export function hugeText(random: Random): string {
  let text = '';
  while (text.length < 60_000) text += `${plainText(random)}\n`;
  return text.slice(0, 60_000);
}

/** A text with half of a surrogate pair in it: not valid Unicode, but JSON can carry it as an escape. */
export const LONE_SURROGATE_TEXT = 'cut in the middle of an emoji: \ud83d|';

/** A text with U+0000, which Postgres refuses to store in a text column. */
export const NULL_CHARACTER_TEXT = 'a null character: \u0000|';

/** A text of right-to-left script. */
export function rightToLeftText(random: Random): string {
  return random.pick(RIGHT_TO_LEFT);
}

/** The same text after somebody corrected it. */
export function editText(random: Random, text: string): string {
  return random.chance(0.3) ? writeText(random) : `${text.slice(0, 2000)} (edit ${random.below(100_000)})`;
}

function plainText(random: Random): string {
  const first = random.next();
  const second = random.next();
  return `${OPENINGS[first & 15]} ${SUBJECTS[(first >>> 4) & 15]} ${VERBS[(first >>> 8) & 15]} ${OBJECTS[(first >>> 12) & 15]} ${second % 90_000}.${CLOSINGS[(first >>> 16) & 15]}`;
}
