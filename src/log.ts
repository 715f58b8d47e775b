import { type DestinationStream, type Logger, pino } from 'pino';

export type { Logger } from 'pino';

const SECRET_NAMES = 'authorization|client_?secret|access_token|password|secret_?access_?key';
const TEXT = String.raw`"(?:[^"\\]|\\.)*"`;
/** A member of such a name, at any depth; below, one of JSON that is itself inside a text. */
const SECRET_MEMBER = new RegExp(`("(?:${SECRET_NAMES})":)(?:${TEXT}|\\[(?:${TEXT},?)*\\])`, 'gi');
const QUOTED_SECRET_MEMBER = new RegExp(`(\\\\"(?:${SECRET_NAMES})\\\\":\\s*\\\\")[^"\\\\]*`, 'gi');
const CREDENTIAL = /\b(Bearer|Basic) [\w.~+/=-]{16,}/gi;
const URL_PASSWORD = /(:\/\/[^\s:/@"\\]+:)[^\s/@"\\]+@/g;

/** Hides the value of every `jwt=` in a text: Zoom's download links authorise whoever holds them. */
export function redactJwt(text: string): string {
  return text.replace(/(jwt(?:=|%3D))[^&\s"'\\<>]+/gi, '$1[redacted]');
}

/** Hides secrets in a finished text: so late, nothing between the caller and the output can bring one back. */
export function redactSecrets(line: string): string {
  return redactJwt(line)
    .replace(SECRET_MEMBER, '$1"[redacted]"')
    .replace(QUOTED_SECRET_MEMBER, '$1[redacted]')
    .replace(CREDENTIAL, '$1 [redacted]')
    .replace(URL_PASSWORD, '$1[redacted]@');
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
      hooks: { streamWrite: redactSecrets },
    },
    options.destination ?? pino.destination({ dest: 2, sync: true }),
  );
}

/** A logger that says nothing, for embedding and tests. */
export function silentLog(): Logger {
  return pino({ level: 'silent' });
}
