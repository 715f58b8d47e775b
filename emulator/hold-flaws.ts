/** Ways in which an export can say something else than the account's reports do, or say it in another form. */

/**
 * About the newest message of the export. `lacks-row`: it is not in there. `other-text`: each version has another text.
 * `extra-row`: beside it stands one that no report has.
 *
 * About the first attachment. `lacks-file`: it is not in there. `other-file`: it has other bytes. `extra-file`: beside it
 * stands one that no message has.
 *
 * About the CSV. `no-ids`: without the columns that name messages. `other-columns`: with names that mean nothing.
 * `cut-row`: it ends within a quoted field. `ragged-row`: a row of two fields.
 */
export const exportFlaws = [
  'lacks-row',
  'other-text',
  'extra-row',
  'lacks-file',
  'other-file',
  'extra-file',
  'no-ids',
  'other-columns',
  'cut-row',
  'ragged-row',
] as const;
export type ExportFlaw = (typeof exportFlaws)[number];

export function isExportFlaw(kind: string): kind is ExportFlaw {
  return (exportFlaws as readonly string[]).includes(kind);
}
