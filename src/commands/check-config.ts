import { Command } from 'commander';
import { ArchiverError } from '../errors.ts';
import { formatVerifierKey, noteKeyOf, parseSignerKey } from '../proof/key.ts';
import { termsByClass } from '../retention/schedule.ts';
import { cronProblems } from '../scheduler/cron.ts';
import { type CommandIo, type CommonFlags, openContext, signerOf } from './context.ts';

/** `check-config`: everything that can be said about the file without starting anything. */
export function checkConfigCommand(io: CommandIo): Command {
  return new Command('check-config')
    .description('check the configuration and name every problem in it')
    .option('--json', 'print the result as JSON')
    .addHelpText('after', '\nExample:\n  $ zoom-chat-archiver check-config --config archiver.yaml')
    .action((_flags: unknown, command: Command) => {
      const flags = command.optsWithGlobals<CommonFlags>();
      const context = openContext(flags, 'warn');
      const { config } = context;
      const signer = signerOf(context);
      const access = config.access.key === undefined ? undefined : parseSignerKey(config.access.key);
      const problems = Object.entries(config.schedule).flatMap(([job, schedule]) =>
        cronProblems(schedule.cron, schedule.timezone).map((problem) => `schedule.${job}: ${problem}`),
      );
      const { cron, timezone } = config.portal.verify;
      problems.push(...cronProblems(cron, timezone).map((problem) => `portal.verify: ${problem}`));
      if (access?.name === signer.name)
        problems.push("access.key: has the name of the archive's key; the access log needs one of its own");
      if (problems.length > 0) {
        throw new ArchiverError('config-invalid', 'the configuration has problems', {
          detail: `\n${problems.map((problem) => `  ${problem}`).join('\n')}`,
        });
      }
      if (flags.json) {
        io.out(JSON.stringify({ ok: true, account: config.zoom.accountId }));
        return;
      }
      const ledger = 'directory' in config.ledger ? `embedded, ${config.ledger.directory}` : 'Postgres';
      const { sink } = config;
      io.out(`${flags.config} is valid`);
      io.out(`  account    ${config.zoom.accountId} (plan ${config.zoom.plan}, share ${config.zoom.share})`);
      io.out(`  ledger     ${ledger}`);
      io.out(`  sink       ${sink.kind === 's3' ? `s3://${sink.bucket}/${sink.prefix}` : sink.path}`);
      io.out(`  log        ${formatVerifierKey(noteKeyOf(signer))}`);
      if (access !== undefined) io.out(`  access     ${formatVerifierKey(noteKeyOf(access))}`);
      for (const [name, { keep, mode, disposition }] of termsByClass(config.retention.schedule))
        io.out(`  retention  class ${name}: ${keep}, ${mode}, then ${disposition}`);
    });
}
