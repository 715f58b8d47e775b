/** Names within RSMF files, for who writes and who checks them. */

export const RSMF_FOLDER = 'rsmf/';
export const RSMF_VERSION = '2.0.0';
export const RSMF_MANIFEST = 'rsmf_manifest.json';
export const RSMF_ZIP = 'rsmf.zip';
/** Names the hash of a record in `custom` of its event; the kind follows. */
export const RECORD_PREFIX = 'record.';
/** SHA-256 over the hashes of all records of the file, in their order. */
export const RECORDS_HEADER = 'X-RSMF-Records';

/** What breaks a rule of RSMF. */
export interface RsmfIssue {
  /** 1 to 22. */
  readonly rule: number;
  /** `reject` where a review platform refuses the file or shows it wrongly. */
  readonly severity: 'reject' | 'warn';
  readonly detail: string;
}
