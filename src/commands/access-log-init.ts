import { Command } from 'commander';
import { type AccessLock, beginAccessLog } from '../access/log.ts';
import { ArchiverError } from '../errors.ts';
import { formatVerifierKey, noteKeyOf, parseSignerKey } from '../proof/key.ts';
import { comparePeriods } from '../retention/period.ts';
import { checkIdentity, checkSigner } from './archive.ts';
import {
  type CommandIo,
  type CommonFlags,
  type Context,
  openContext,
  openSink,
  signerOf,
} from './context.ts';
import { openPlace } from './reading.ts';
import { lockModeOf } from './schedule-in-force.ts';

interface InitFlags extends CommonFlags {
  readonly access?: string;
  readonly region?: string;
  readonly endpoint?: string;
}

/** `access-log init`: begins the log of who asked the archive for what. Safe to repeat. */
export function accessLogInitCommand(io: CommandIo): Command {
  return new Command('init')
    .description(
      'begin the access log of the archive, signed with access.key; from then on every answer is in it',
    )
    .option('--access <place>', 'folder or s3://bucket/prefix of the access log (default: the archive)')
    .option('--region <region>', 'region of that bucket', 'us-east-1')
    .option('--endpoint <url>', 'of that bucket, for stores other than AWS')
    .option('--json', 'print the result as JSON')
    .addHelpText(
      'after',
      `
Afterwards nobody gets an answer from this archive, by command or page, who cannot write to access/ in it. How long and
how firmly what is written is locked (access.keep, access.mode) is fixed here for good.

Example:
  $ zoom-chat-archiver keygen --name archive.example.com/acme/access --out access.key
  $ zoom-chat-archiver access-log init --config archiver.yaml`,
    )
    .action(async (_flags: unknown, command: Command) => {
      const flags = command.optsWithGlobals<InitFlags>();
      const context = openContext(flags, 'warn');
      const { config, account, now } = context;
      const archive = signerOf(context);
      if (config.access.key === undefined)
        throw new ArchiverError('config-invalid', 'the access log has no key', {
          detail: `access.key is missing; make one with \`zoom-chat-archiver keygen --name ${archive.name}/access --out access.key\``,
        });
      const signer = parseSignerKey(config.access.key);
      const lock = lockOf(context);
      const own = await openSink(context);
      const other = flags.access === undefined ? undefined : await openPlace(flags, flags.access);
      try {
        checkSigner(await checkIdentity(own, account), archive);
        const sink = other?.sink ?? own;
        await sink.check(lock?.mode ?? 'none');
        const { created } = await beginAccessLog({ sink, signer, archive: archive.name, lock, now });
        const key = formatVerifierKey(noteKeyOf(signer));
        if (flags.json) {
          io.out(JSON.stringify({ created, origin: signer.name, key, lock: created ? lock : undefined }));
          return;
        }
        io.out(
          created ? `access log ${signer.name} was begun` : `access log ${signer.name} was there already`,
        );
        io.out(`it verifies with ${key}`);
        if (created)
          io.out(lock === null ? 'it is not locked' : `it is locked for ${lock.keep} in mode ${lock.mode}`);
      } finally {
        await other?.sink.close();
        await own.close();
      }
    });
}

/** Fails with `config-invalid` for a compliance lock that is longer than any may be. */
function lockOf(context: Context): AccessLock | null {
  const { access, retention } = context.config;
  const mode = access.mode ?? lockModeOf(context);
  if (mode === 'none') return null;
  const order = comparePeriods(access.keep, retention.longestCompliance);
  if (mode === 'compliance' && (order === undefined || order > 0)) {
    throw new ArchiverError('config-invalid', 'access.keep is longer than retention.longestCompliance', {
      detail: `${access.keep}, ${retention.longestCompliance}`,
    });
  }
  return { mode, keep: access.keep };
}
