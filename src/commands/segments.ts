/** What commands share that read segments. */
import { fetchedFiles, filesInPlace, type SegmentFiles, sideBySide } from '../query/segment-files.ts';
import type { SinkReader } from '../sinks/sink.ts';
import type { CommandIo, Context } from './context.ts';
import { createProgress } from './progress.ts';

/** The files of the archive's segments: those of a directory where they are, others as copies. */
export async function openSegmentFiles(
  io: CommandIo,
  { config: { sink } }: Context,
  reader: SinkReader,
): Promise<SegmentFiles> {
  return sink.kind === 'directory' ? filesInPlace(sink.path) : fetchedFiles(reader, io.interrupt);
}

/** {@link sideBySide} with a progress bar that is called `what`. Asked to stop, it begins no other item. */
export async function withProgress<T, R>(
  io: CommandIo,
  what: string,
  items: readonly T[],
  work: (item: T) => Promise<R>,
): Promise<readonly R[]> {
  const progress = createProgress(io, what);
  progress.expect(items.length);
  try {
    return await sideBySide(items, async (item) => {
      io.drain.throwIfAborted();
      const result = await work(item);
      progress.finish('');
      return result;
    });
  } finally {
    progress.stop();
  }
}
