/** Multipart uploads to the emulated bucket. The archive makes none: only a probe tries what becomes of their lock. */
import { createHash } from 'node:crypto';
import { type FakeLock, type FakeStore, type FakeVersion, Refused } from './s3-fake-store.ts';

interface Upload {
  readonly key: string;
  readonly lock: FakeLock | null;
  readonly parts: Buffer[];
}

export class FakeUploads {
  readonly #store: FakeStore;
  readonly #open = new Map<string, Upload>();

  constructor(store: FakeStore) {
    this.#store = store;
  }

  begin(key: string, lock: FakeLock | null): string {
    const id = createHash('sha256').update(`${key} ${this.#open.size}`).digest('hex').slice(0, 16);
    this.#open.set(id, { key, lock: this.#store.rules.dropMultipartLocks ? null : lock, parts: [] });
    return id;
  }

  /** Parts come in their order. */
  addPart(id: string, bytes: Buffer): string {
    this.#find(id).parts.push(bytes);
    return `"${createHash('md5').update(bytes).digest('hex')}"`;
  }

  complete(id: string): FakeVersion {
    const { key, lock, parts } = this.#find(id);
    this.#open.delete(id);
    return this.#store.put({
      key,
      bytes: Buffer.concat(parts),
      contentType: 'binary/octet-stream',
      metadata: {},
      lock,
      ifNoneMatch: false,
      ifMatch: undefined,
    });
  }

  abort(id: string): void {
    this.#open.delete(id);
  }

  #find(id: string): Upload {
    const upload = this.#open.get(id);
    if (upload === undefined) throw new Refused(404, 'NoSuchUpload');
    return upload;
  }
}
