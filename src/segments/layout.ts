/**
 * Every object key of an archive is built and parsed here, and nowhere else (design section 5). Keys are relative
 * to the sink's prefix. Folder names `name=value` are what DuckDB, Athena, Trino and Spark read as partitions.
 */

export const ARCHIVE_KEY = 'archive.json';

const SEGMENTS = 'segments/';

export interface SegmentKey {
  readonly stream: string;
  readonly className: string;
  /** UTC day, `yyyy-mm-dd`. */
  readonly day: string;
  /** RFC 6962 root over the segment's records, 64 hex digits. */
  readonly root: string;
}

/** `[A-Za-z0-9_-]` passes; anything else becomes `%XX` of its UTF-8 bytes, so a name can never add a folder. */
function encodeName(name: string): string {
  let encoded = '';
  for (const byte of Buffer.from(name, 'utf8')) {
    const char = String.fromCharCode(byte);
    encoded += /[A-Za-z0-9_-]/.test(char) ? char : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return encoded;
}

export function segmentKey(parts: SegmentKey): string {
  const { stream, className, day, root } = parts;
  return `${SEGMENTS}stream=${encodeName(stream)}/class=${encodeName(className)}/date=${day}/${root}.parquet`;
}

const SEGMENT = /^segments\/stream=([^/]+)\/class=([^/]+)\/date=(\d{4}-\d\d-\d\d)\/([0-9a-f]{64})\.parquet$/;

/** The parts of a segment's key; undefined for any other key. */
export function parseSegmentKey(key: string): SegmentKey | undefined {
  const match = SEGMENT.exec(key);
  if (match === null) return undefined;
  const [, stream, className, day, root] = match;
  if (stream === undefined || className === undefined || day === undefined || root === undefined)
    return undefined;
  try {
    const parts = { stream: decodeURIComponent(stream), className: decodeURIComponent(className), day, root };
    // A name has one spelling, so that one segment has one key.
    return segmentKey(parts) === key ? parts : undefined;
  } catch (error) {
    if (error instanceof URIError) return undefined;
    throw error;
  }
}

const OBJECTS = 'objects/sha256/';

/** Key of bytes that are stored by their content. @param sha256 64 lower-case hex digits */
export function objectKey(sha256: string): string {
  return `${OBJECTS}${sha256.slice(0, 2)}/${sha256}`;
}

const OBJECT = /^objects\/sha256\/([0-9a-f]{2})\/(\1[0-9a-f]{62})$/;

/** The SHA-256 in an object's key; undefined for any other key. */
export function parseObjectKey(key: string): string | undefined {
  return OBJECT.exec(key)?.[2];
}

/** Where objects stored by their content begin. */
export function objectsPrefix(): string {
  return OBJECTS;
}

/** Where the segments of one stream, or of all, begin. */
export function segmentsPrefix(stream?: string): string {
  return stream === undefined ? SEGMENTS : `${SEGMENTS}stream=${encodeName(stream)}/`;
}

/** The two logs of an archive, by the folder that each has: of what was archived, and of who asked for it. */
export type LogFolder = 'log' | 'access';

/** Hashes of a log's tree, C2SP tlog-tiles. */
export interface Tile extends EntryBundle {
  /** 0 holds leaf hashes, each level above the roots of full tiles of the one below; at most 63. */
  readonly level: number;
}

/** Entries of a log: as many and the same ones as the hashes in the tile of level 0 with this number. */
export interface EntryBundle {
  readonly number: number;
  /** 256 when full, 1 to 255 at the log's right edge. */
  readonly width: number;
}

/** The keys of one log, C2SP tlog-tiles below its folder. */
export interface LogKeys {
  /** The signed head: the only key of the log whose bytes change. */
  readonly checkpoint: string;
  /** Where its tiles and entry bundles begin. */
  readonly tiles: string;
  tileKey(tile: Tile): string;
  bundleKey(bundle: EntryBundle): string;
  /** The tile with this key; undefined for any other key. */
  parseTileKey(key: string): Tile | undefined;
  /** The entry bundle with this key; undefined for any other key. */
  parseBundleKey(key: string): EntryBundle | undefined;
}

/** 1234067 is `x001/x234/067`. */
function grouped(number: number): string {
  const digits = String(number);
  return digits.padStart(Math.ceil(digits.length / 3) * 3, '0').replace(/\d{3}(?=\d)/g, 'x$&/');
}

function numberAndWidth({ number, width }: EntryBundle): string {
  return width === 256 ? grouped(number) : `${grouped(number)}.p/${width}`;
}

const NUMBER = String.raw`((?:x\d{3}\/){0,5}\d{3})`;

function parseNumber(groups: string): number | undefined {
  const number = Number(groups.replace(/[x/]/g, ''));
  return Number.isSafeInteger(number) ? number : undefined;
}

function keysOf(folder: LogFolder): LogKeys {
  const tiles = `${folder}/tile/`;
  const pattern = new RegExp(`^${tiles}(entries|0|[1-9]\\d?)/${NUMBER}(?:\\.p/([1-9]\\d{0,2}))?$`);
  const keyOfTile = ({ level, ...rest }: Tile): string => `${tiles}${level}/${numberAndWidth(rest)}`;
  const keyOfBundle = (bundle: EntryBundle): string => `${tiles}entries/${numberAndWidth(bundle)}`;
  const bundleOf = (match: RegExpExecArray | null): EntryBundle | undefined => {
    if (match === null) return undefined;
    const [, , groups = '', partial] = match;
    const number = parseNumber(groups);
    const width = partial === undefined ? 256 : Number(partial);
    return number !== undefined && (partial === undefined || width < 256) ? { number, width } : undefined;
  };
  return {
    checkpoint: `${folder}/checkpoint`,
    tiles,
    tileKey: keyOfTile,
    bundleKey: keyOfBundle,
    parseTileKey(key) {
      const match = pattern.exec(key);
      const level = Number(match?.[1]);
      const bundle = bundleOf(match);
      if (bundle === undefined || !(level <= 63)) return undefined;
      const tile = { level, ...bundle };
      return keyOfTile(tile) === key ? tile : undefined;
    },
    parseBundleKey(key) {
      const bundle = bundleOf(pattern.exec(key));
      return bundle !== undefined && keyOfBundle(bundle) === key ? bundle : undefined;
    },
  };
}

/** The log of what was archived. */
export const ARCHIVE_LOG: LogKeys = keysOf('log');
/** The log of who asked the archive for what. */
export const ACCESS_LOG: LogKeys = keysOf('access');

/** The head of the log of what was archived. */
export const CHECKPOINT_KEY = ARCHIVE_LOG.checkpoint;
export const { tileKey, bundleKey, parseTileKey, parseBundleKey } = ARCHIVE_LOG;

const WITNESSES = 'log/witness/';

/** The newest head that a witness cosigned. @param id of the witness's key, 32 bits */
export function witnessKey(id: number): string {
  return `${WITNESSES}${id.toString(16).padStart(8, '0')}`;
}

/** Where the witnesses' heads begin. */
export function witnessPrefix(): string {
  return WITNESSES;
}

/** Where the tiles and entry bundles of the log of what was archived begin. */
export function tilesPrefix(): string {
  return ARCHIVE_LOG.tiles;
}

const BATCHES = 'access/batch/';
const BATCH = new RegExp(`^${BATCHES}${NUMBER}$`);

/** The entries that writers of the access log add behind its first `size` ones. */
export function batchKey(size: number): string {
  return `${BATCHES}${grouped(size)}`;
}

/** The size in {@link batchKey}; undefined for any other key. */
export function parseBatchKey(key: string): number | undefined {
  const size = parseNumber(BATCH.exec(key)?.[1] ?? '-');
  return size !== undefined && batchKey(size) === key ? size : undefined;
}

/** Where everything of the access log begins. */
export function accessPrefix(): string {
  return 'access/';
}
