/** Amounts of bytes as people write them. */

const FACTORS: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1e3,
  MB: 1e6,
  GB: 1e9,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
};

/** `64MB`: a number above 0 and a unit. kB, MB and GB are powers of ten, KiB, MiB and GiB of two. */
export const BYTES = /^0*[1-9]\d*(B|kB|MB|GB|KiB|MiB|GiB)$/;

/** Bytes; undefined for what {@link BYTES} does not describe. */
export function parseBytes(text: string): number | undefined {
  const unit = BYTES.exec(text)?.[1];
  if (unit === undefined) return undefined;
  return Number(text.slice(0, -unit.length)) * (FACTORS[unit] ?? Number.NaN);
}
