import { text } from 'node:stream/consumers';
import { type Entry, openPromise } from 'yauzl';

/** Names and texts of the files of a ZIP, as another implementation reads it. */
export async function filesOfZip(path: string): Promise<ReadonlyMap<string, string>> {
  const zip = await openPromise(path);
  const files = new Map<string, string>();
  for await (const entry of zip.eachEntry() as AsyncIterable<Entry>)
    files.set(entry.fileName, await text(await zip.openReadStreamPromise(entry)));
  return files;
}
