/** Members that are read as a whole; none that an export makes is near it. */
const MOST_BYTES = 512 << 20;

/** All bytes of a member in one. Fails with `RangeError` where these are too many. */
export async function collected(bytes: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of bytes) {
    chunks.push(chunk);
    size += chunk.length;
    if (size > MOST_BYTES) throw new RangeError('it is too large to be what its name says');
  }
  return Buffer.concat(chunks);
}
