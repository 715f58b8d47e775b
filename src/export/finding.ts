/** What `verify-export` names. */

const FINDINGS = {
  'no-zip': 'The file is no ZIP, is cut off, or cannot be read.',
  'manifest-invalid': 'manifest.json is missing, or not what it should be.',
  'checkpoint-invalid':
    "The log's head is missing, not signed by the key, or another than the manifest names.",
  'member-missing': 'A file that the manifest names is not there.',
  'member-differs': 'A file has other bytes than the manifest says.',
  'member-unknown': 'A file is there that the manifest does not name.',
  'member-twice': 'The ZIP holds two files of one name.',
  'member-unsafe': 'A name would leave the folder that the ZIP is unpacked into.',
  'member-unreadable': 'A file cannot be unpacked or understood.',
  'revision-invalid': 'A version of a message does not have the hash that stands beside it.',
  'records-differ': 'A format, or the proofs, hold other versions than the manifest counts.',
  'text-differs': 'A format shows another text of a message than its record has.',
  'proof-invalid': 'A proof does not hold.',
  'rsmf-rejected': 'An RSMF file breaks a rule, and a review platform would refuse it.',
  more: 'There are more findings than are listed.',
} as const;

export interface Finding {
  readonly code: keyof typeof FINDINGS;
  /** Of the member; empty for the ZIP as a whole. */
  readonly path: string;
  readonly why: string;
}
