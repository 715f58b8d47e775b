/** Checks the ZIPs of proofs within an export. */
import type { NoteKey } from '../proof/key.ts';
import { checkRecordProof } from '../proof/record-proof.ts';
import { ZipFile } from '../zip/zip-file.ts';
import { HashMultiset } from './multiset.ts';

const RECORD = '.record';
const PROOF = '.tlog-proof';

export interface WrongProof {
  /** Name within its ZIP. */
  readonly at: string;
  readonly why: string;
}

export class ProofCheck {
  readonly #key: NoteKey;
  /** The head that every proof must end in, as it stands in the export. */
  readonly #checkpoint: string;
  /** What is proven: hashes of the records whose proofs hold. */
  readonly records = new HashMultiset();

  constructor(key: NoteKey, checkpoint: string) {
    this.#key = key;
    this.#checkpoint = checkpoint;
  }

  /** @param bytes of one ZIP, as `evidence.ts` makes it */
  async check(bytes: Buffer): Promise<readonly WrongProof[]> {
    const zip = await ZipFile.of(bytes);
    if (zip === undefined) return [{ at: '', why: 'no ZIP of proofs' }];
    const wrong: WrongProof[] = [];
    const waiting = new Map<string, Buffer>();
    for await (const entry of zip.entries()) {
      const chunks: Buffer[] = [];
      for await (const chunk of (await zip.content(entry)) as AsyncIterable<Buffer>) chunks.push(chunk);
      const content = Buffer.concat(chunks);
      const { name } = entry;
      if (name.endsWith(RECORD)) waiting.set(name.slice(0, -RECORD.length), content);
      else if (name.endsWith(PROOF)) {
        const record = waiting.get(name.slice(0, -PROOF.length));
        waiting.delete(name.slice(0, -PROOF.length));
        wrong.push(...this.#checkOne(name, content.toString(), record));
      } else wrong.push({ at: name, why: 'neither a record nor a proof' });
    }
    for (const name of waiting.keys()) wrong.push({ at: name + RECORD, why: 'a record without its proof' });
    return wrong;
  }

  #checkOne(name: string, proof: string, record: Buffer | undefined): readonly WrongProof[] {
    if (record === undefined) return [{ at: name, why: 'a proof without its record' }];
    if (!proof.endsWith(`\n\n${this.#checkpoint}`))
      return [{ at: name, why: 'the proof ends in another head of the log than the export' }];
    const verdict = checkRecordProof(proof, record, this.#key, []);
    if (!verdict.holds) return verdict.failures.map((why) => ({ at: name, why }));
    if (verdict.fact.stream !== 'messages')
      return [{ at: name, why: 'a proof of something other than a message' }];
    this.records.add(verdict.recordHash);
    return [];
  }
}
