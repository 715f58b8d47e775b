import { writeFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';

/**
 * Writes chat logs as the emulator's corpus source reads them: `channels` channels of `lines` messages, a few of
 * them answers, over two days each. Few days make few segments, so archives of it are quick to seal.
 */
export async function writeCorpus(file: string, channels: number, lines: number): Promise<void> {
  const rows: object[] = [];
  for (let channel = 0; channel < channels; channel += 1) {
    for (let n = 1; n <= lines; n += 1) {
      const minute = Math.floor((n - 1) * (2000 / lines));
      rows.push({
        channel: `#room-${channel}`,
        n,
        at: new Date(Date.UTC(2024, 2, 4, 0, minute)).toISOString().replace('.000', ''),
        type: n % 40 === 0 ? 'join' : 'message',
        nick: `nick${(n * 7 + channel) % 11}`,
        text: n % 60 === 0 ? '' : `Line ${n} of ${channel}: “quoted”, \ttab, \\ and 🙂`,
        ...(n % 9 === 0 && n % 40 !== 0 ? { reply_to: n - 3 } : {}),
      });
    }
  }
  await writeFile(file, gzipSync(rows.map((row) => `${JSON.stringify(row)}\n`).join('')));
}
