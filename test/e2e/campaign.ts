/** What the end-to-end tests share: collecting while people write, and the reckoning at the end. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { sixMonthsBefore } from '../../emulator/dates.ts';
import { type Emulator, type Switches, startEmulator } from '../../emulator/server.ts';
import type { ZoomClient } from '../../src/zoom/client.ts';
import {
  type Archive,
  compareMessages,
  compareReactions,
  coverageHoles,
  readArchive,
} from '../support/archive.ts';
import type { Archiver } from '../support/archiver.ts';
import { connect } from '../zoom/connect.ts';

/** 15 June 2026, noon: with a fixed start every date is a constant. */
export const NOON = Date.parse('2026-06-15T12:00:00Z');
const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

/** A folder that goes when the test has passed and stays for a look when it has failed. */
export async function workFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'archiver-e2e-'));
  onTestFinished(async ({ task }) => {
    if (task.result?.state !== 'fail') await rm(folder, { recursive: true, force: true });
    else console.error(`kept ${folder}`);
  });
  return folder;
}

/** An emulator without rate limits that ends with the test. */
export async function emulate(options: Parameters<typeof startEmulator>[0]): Promise<Emulator> {
  const emulator = await startEmulator({ limits: false, ...options });
  onTestFinished(() => emulator.close());
  return emulator;
}

/** A client whose waits take no time and move the emulator's clock, for faults that are waited out. */
export function patient(emulator: Emulator): { readonly client: ZoomClient } {
  const rates = { LIGHT: 5000, MEDIUM: 5000, 'RESOURCE-INTENSIVE': 5000 };
  const now = (): number => emulator.now();
  const { client } = connect(emulator.url, now, (ms) => emulator.moveClock(ms), { rates });
  return { client };
}

/** How the emulator stood before anybody acted. */
export interface Beginning {
  readonly at: number;
  readonly sessions: readonly string[];
  /** Reaction states so far, by session and message. */
  readonly reactionStates: ReadonlyMap<string, number>;
}

export function beginning(emulator: Emulator): Beginning {
  const reactionStates = new Map<string, number>();
  for (const { sessionId, messageId, reactionStates: states } of emulator.truth())
    reactionStates.set(`${sessionId} ${messageId}`, states);
  return { at: emulator.now(), sessions: emulator.sessions().map(({ id }) => id), reactionStates };
}

/** Two passes and a seal while people write; then they stop, and the clock goes on past the settling time. */
export async function collectAmongWriters(emulator: Emulator, archiver: Archiver): Promise<void> {
  emulator.startActing(1500);
  await archiver.collect();
  await archiver.seal();
  emulator.moveClock(20 * MINUTE);
  await archiver.collect();
  emulator.stopActing();
  emulator.moveClock(20 * MINUTE);
}

/** The last pass and seal, then {@link reckon}. */
export async function finish(
  emulator: Emulator,
  archiver: Archiver,
  start: Beginning,
  switches: Partial<Switches> = {},
): Promise<void> {
  const last = emulator.now();
  const { complete, failed } = await archiver.collect();
  expect({ complete, failed }).toEqual({ complete: true, failed: 0 });
  await archiver.seal(true);
  reckon(emulator, await readArchive(archiver.root), start, last, switches);
}

/**
 * The archive against everything that ever happened: each revision once, nothing else, the end state of reactions
 * that nobody touched since, coverage without holes.
 * @param last when the last pass began
 */
export function reckon(
  emulator: Emulator,
  archive: Archive,
  start: Beginning,
  last: number,
  switches: Partial<Switches> = {},
): void {
  const { sentText = 'latest', listEditedSessions = false, reportZoneHours = 0 } = switches;
  // Where days are not UTC days, Zoom serves the first day of the six months in part.
  const since = sixMonthsBefore(start.at) + (reportZoneHours === 0 ? 0 : DAY);
  expect(compareMessages(archive, emulator.truth(), { sentText, listEditedSessions, since })).toEqual([]);
  expect(
    compareReactions(
      archive,
      emulator.truth(),
      ({ sessionId, messageId, sentAt, versions, reactionStates }) =>
        sentAt >= since &&
        (sentText === 'original' || versions.at(-1)?.kind !== 'deleted') &&
        start.reactionStates.get(`${sessionId} ${messageId}`) === reactionStates,
    ),
  ).toEqual([]);
  const known = start.sessions.filter((id) => archive.sessions.has(id));
  const settle = 2 * MINUTE;
  expect(
    coverageHoles(archive, known, {
      from: sixMonthsBefore(last),
      sentTo: start.at - settle,
      modifiedTo: last - settle,
    }),
  ).toEqual([]);
  expect(archive.messages.length).toBeGreaterThan(0);
}

/** Resolves once `condition` holds; looks again each millisecond. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 1));
}

/** Requests the emulator has answered so far, of all endpoints. */
export function requests(emulator: Emulator): number {
  return Object.values(emulator.stats().requests).reduce((sum, count) => sum + count, 0);
}
