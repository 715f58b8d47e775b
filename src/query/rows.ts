/** Rows of the archive, and where they stand. */

/** As DuckDB gives them to JavaScript: bigint for BIGINT, Date for moments, Uint8Array for BLOB. */
export type Row = readonly unknown[];

/** Where a record stands: enough to find and to prove it. */
export interface RecordPlace {
  /** Key of its segment. */
  readonly segment: string;
  /** Place of the segment's entry in the log, from 0. */
  readonly entry: number;
  /** Place of the row in the segment, from 0. */
  readonly row: number;
}
