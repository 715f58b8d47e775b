import { type DestinationStream, type Logger, pino } from 'pino';

export type { Logger } from 'pino';

const SECRET_PATHS = [
  'authorization',
  'clientSecret',
  'access_token',
  'password',
  'secretAccessKey',
  '*.authorization',
  '*.clientSecret',
  '*.access_token',
  '*.password',
  '*.secretAccessKey',
];

/** Hides the value of every `jwt=` in a text: Zoom's download links authorise whoever holds them. */
export function redactJwt(text: string): string {
  return text.replace(/(\bjwt=)[^&\s"']+/gi, '$1[redacted]');
}

export interface LogOptions {
  readonly level: string;
  readonly destination?: DestinationStream;
}

/**
 * The process's logger: one JSON object a line on `destination` (default: standard error, so that a command's
 * output stays machine-readable), with secrets and download tokens hidden.
 */
export function createLog(options: LogOptions): Logger {
  return pino(
    {
      level: options.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      redact: { paths: SECRET_PATHS, censor: '[redacted]' },
      hooks: { streamWrite: redactJwt },
    },
    options.destination ?? pino.destination({ dest: 2, sync: true }),
  );
}

/** A logger that says nothing, for embedding and tests. */
export function silentLog(): Logger {
  return pino({ level: 'silent' });
}
