/**
 * The configuration's schema, which is its manual: `npm run schema` makes `config.schema.json` and the tables of
 * `docs/configuration.md` from it.
 */
import { z } from 'zod';
import { period, scheduleFields, scheduleSchema } from '../retention/schedule.ts';
import { BYTES, parseBytes } from './bytes.ts';

const UNITS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** A text of a notation of ours: says what it must look like also when it is no text at all. */
const notation = (pattern: RegExp, error: string) =>
  z.string({ error: (issue) => (issue.input === undefined ? 'is missing' : error) }).regex(pattern, error);

function milliseconds(text: string): number {
  const [, number, unit] = /^(\d+)(\w+)$/.exec(text) ?? [];
  return Number(number) * (UNITS[unit ?? ''] ?? Number.NaN);
}

/** `90s`, `15m`, `2h`, `7d`: milliseconds. */
const duration = notation(
  /^\d+(ms|s|m|h|d)$/,
  'must be a number and a unit: ms, s, m, h or d, as in 15m',
).transform(milliseconds);

/** A duration that is not nothing: 0 would mean "never" to one reader and "at once" to another. */
const positiveDuration = notation(
  /^0*[1-9]\d*(ms|s|m|h|d)$/,
  'must be a number above 0 and a unit: ms, s, m, h or d, as in 15m',
).transform(milliseconds);

/** `64MB`: bytes; kB, MB, GB are powers of ten, KiB, MiB, GiB of two. */
const bytes = notation(
  BYTES,
  'must be a number above 0 and a unit: B, kB, MB, GB, KiB, MiB or GiB, as in 64MB',
).transform((text) => parseBytes(text) ?? Number.NaN);

const secret = z
  .union([z.string().min(1), z.strictObject({ file: z.string().min(1) })])
  .describe('A secret: $' + '{NAME} from the environment, or { file: PATH }.');

const url = z.url({ protocol: /^https?$/, error: 'must be an http or https URL' });

/** A URL that paths are appended to. */
const listenPort = z.number().int().min(0).max(65535);

const baseUrl = url.transform((text) => text.replace(/\/+$/, ''));

const schedule = (cron: string) =>
  z
    .strictObject({
      cron: z.string().default(cron).describe('Five or six cron fields.'),
      timezone: z.string().default('UTC').describe('IANA time zone of the cron fields.'),
      jitter: duration.prefault('10s').describe('Random delay before a run, so that replicas spread.'),
    })
    .prefault({});

const zoom = z.strictObject({
  accountId: z.string().min(1).describe('Zoom account id; the archive belongs to it.'),
  clientId: z.string().min(1).describe('Client id of the server-to-server OAuth app.'),
  clientSecret: secret,
  apiUrl: baseUrl.prefault('https://api.zoom.us/v2').describe('Base URL of the REST API.'),
  oauthUrl: baseUrl.prefault('https://zoom.us').describe('Base URL of the token endpoint.'),
  plan: z
    .enum(['free', 'pro', 'business'])
    .default('pro')
    .describe(
      'Plan of the account, for its rate limits; Zoom does not tell it. Business and above: business.',
    ),
  share: z
    .number()
    .gt(0)
    .max(1)
    .default(0.5)
    .describe("Part of the account's rate limits to use; they are shared with all its other apps."),
  rates: z
    .partialRecord(z.enum(['LIGHT', 'MEDIUM', 'HEAVY', 'RESOURCE-INTENSIVE']), z.number().positive())
    .default({})
    .describe('Requests per second by label, instead of plan and share; for accounts with raised limits.'),
  parallel: z.number().int().min(1).max(256).default(16).describe('Sessions collected at the same time.'),
  timeout: positiveDuration
    .prefault('30s')
    .describe('Longest wait for the head, and for each part of the body, of an answer.'),
});

const collection = z
  .strictObject({
    settle: duration
      .prefault('2m')
      .describe('A report may lack what happened in the last moments; that much is asked for again.'),
    sweep: positiveDuration
      .prefault('26d')
      .describe(
        'Every known session is asked for messages at least so often, also when no listing shows one; 26 days take one request.',
      ),
    relist: positiveDuration.prefault('1d').describe('All six months of sessions are listed again so often.'),
    patience: duration
      .prefault('1d')
      .describe(
        'What Zoom refuses to give (404, 403) is asked for again so long before that is on record as its last word; 0s believes the first answer.',
      ),
    modifications: z
      .array(
        z.strictObject({
          youngerThan: positiveDuration.describe('For sessions whose last activity is younger than this.'),
          every: positiveDuration.describe('How often they are asked for edits and deletes.'),
        }),
      )
      .min(1)
      .refine(
        (steps) => steps.every((step, place) => step.youngerThan > (steps[place - 1]?.youngerThan ?? 0)),
        'must go from the youngest to the oldest: youngerThan rises from step to step',
      )
      .prefault([
        { youngerThan: '1d', every: '15m' },
        { youngerThan: '7d', every: '6h' },
        { youngerThan: '30d', every: '1d' },
        { youngerThan: '200d', every: '7d' },
      ])
      .describe(
        'How often sessions are asked for edits and deletes, by their age; the last step holds for all older.',
      ),
  })
  .prefault({});

const enabled = z.boolean().default(true);

const streams = z
  .strictObject({
    activities: z
      .strictObject({
        enabled: enabled.describe('Archive who joined and left each channel.'),
        every: positiveDuration.prefault('1h').describe('How often the newest days are asked for.'),
        lookBack: positiveDuration
          .prefault('180d')
          .describe('How far back the first run goes; Zoom does not document how long it keeps the logs.'),
      })
      .prefault({}),
    context: z
      .strictObject({
        enabled: enabled.describe(
          'Archive users, channels, shared spaces, emoji, pins and settings when they change.',
        ),
        every: positiveDuration.prefault('1d').describe('How often they are looked at.'),
      })
      .prefault({}),
    legalHold: z
      .strictObject({
        enabled: enabled.describe("Archive the zips of Zoom's legal-hold matters."),
        every: positiveDuration.prefault('1h').describe('How often matters and their files are listed.'),
        parallel: z.number().int().min(1).max(16).default(2).describe('Zips downloaded at the same time.'),
      })
      .prefault({}),
    files: z
      .strictObject({
        enabled: enabled.describe('Archive the files of messages.'),
        parallel: z.number().int().min(1).max(64).default(8).describe('Files downloaded at the same time.'),
        largest: bytes
          .prefault('5GB')
          .describe(
            'Larger files are not downloaded but put on record with that reason; S3 takes 5 GB at once.',
          ),
      })
      .prefault({}),
    forwarded: z
      .strictObject({ enabled: enabled.describe('Archive the messages that others forward.') })
      .prefault({}),
  })
  .prefault({});

const ledger = z.strictObject({
  url: secret.optional().describe('Postgres 14 or later: postgres://user:password@host/database.'),
  directory: z.string().min(1).optional().describe('Directory of the embedded ledger, for evaluation.'),
  connections: z.number().int().min(2).max(200).default(12).describe('Connections to Postgres.'),
  lease: positiveDuration
    .prefault('20s')
    .describe(
      'A replica that falls silent loses its lease after this; a standby has it a third of this later at most.',
    ),
});

const sink = z.strictObject({
  directory: z.strictObject({ path: z.string().min(1).describe('Folder of the archive.') }).optional(),
  s3: z
    .strictObject({
      bucket: z
        .string()
        .min(3)
        .describe('Bucket of the archive; made with Object Lock unless no record is locked.'),
      prefix: z.string().default('').describe('Folder of the archive in the bucket; empty for its top.'),
      region: z.string().min(1).default('us-east-1').describe('Region of the bucket.'),
      endpoint: url.optional().describe('For stores other than AWS.'),
      forcePathStyle: z
        .boolean()
        .default(false)
        .describe('Bucket in the path, as most stores other than AWS want it.'),
      accessKeyId: secret
        .optional()
        .describe("Left out, the SDK's usual chain finds credentials (IRSA, instance…)."),
      secretAccessKey: secret.optional(),
    })
    .optional(),
});

const retention = z
  .strictObject({
    file: z
      .string()
      .min(1)
      .optional()
      .describe('File that holds the schedule (rules and default), in place of the two below.'),
    ...scheduleFields,
    longestCompliance: period
      .prefault('10y')
      .describe('No rule in compliance mode may keep longer: a guard against typing errors.'),
  })
  .prefault({});

const holds = z
  .strictObject({
    followZoomMatters: z
      .boolean()
      .default(true)
      .describe(
        "Place a legal hold here for each of Zoom's matters, where streams.legalHold lists them; one that Zoom lists no more is released by a person only.",
      ),
    coolOff: duration
      .prefault('14d')
      .describe(
        'A hold that was released ends after this; until then it holds, and the release can be cancelled.',
      ),
  })
  .prefault({});

const seal = z
  .strictObject({
    records: z
      .number()
      .int()
      .min(1)
      .max(1_000_000)
      .default(50_000)
      .describe('A segment is full at so many records.'),
    bytes: bytes.prefault('64MB').describe('It is also full at so many bytes of JSON.'),
    maxAge: duration
      .prefault('1h')
      .describe('A segment is sealed, however small, when its oldest record waited so long.'),
    spool: z
      .string()
      .min(1)
      .default('./spool')
      .describe('Folder for segments on their way; needs a few segments of space.'),
  })
  .prefault({});

const signing = z.strictObject({
  key: secret.describe(
    "Signs the heads of the archive's log, a line that `zoom-chat-archiver keygen` made; its name is the log's origin.",
  ),
});

const access = z
  .strictObject({
    key: secret
      .optional()
      .describe(
        'Signs the log of who asked the archive for what; a key of its own, which `zoom-chat-archiver keygen` made. With it, auditors’ commands write down what they answer, or do not answer.',
      ),
    keep: period
      .prefault('7y')
      .describe(
        'What is written down is locked so long; in force from `access-log init` on, for whoever writes.',
      ),
    mode: z
      .enum(['governance', 'compliance', 'none'])
      .optional()
      .describe(
        'Object Lock of what is written down; left out, the firmest mode of the retention schedule, so none where nothing is locked.',
      ),
  })
  .prefault({});

const disposition = z
  .strictObject({
    automatic: z
      .boolean()
      .default(false)
      .describe(
        'The daemon destroys what is past its date where the class says `destroy`; never what asks for a review.',
      ),
  })
  .prefault({});

const verification = z
  .strictObject({
    sample: z
      .number()
      .int()
      .min(0)
      .default(50)
      .describe(
        'Objects of the past that the daemon reads anew each time, beside all of the coverage and everything since the last time; and flags of legal holds that it looks at.',
      ),
  })
  .prefault({});

const webhooks = z
  .strictObject({
    enabled: z
      .boolean()
      .default(false)
      .describe(
        "Listen for Zoom's webhooks, so that a session is asked sooner when something happens in it.",
      ),
    host: z.string().default('127.0.0.1').describe('Address to listen on; 0.0.0.0 in a container.'),
    port: listenPort
      .default(9465)
      .describe(
        'Port to listen on, plain HTTP behind what ends TLS; 0 takes a free one, which the log names.',
      ),
    path: z
      .string()
      .regex(/^\/[\w./-]*$/, 'must begin with / and have letters, digits, and _ . / - only')
      .default('/webhooks/zoom')
      .describe('Path of the URL that the app names as its event notification endpoint.'),
    secret: secret
      .optional()
      .describe('Secret token of the app, as its page in the Marketplace shows it; needed once enabled.'),
    pause: positiveDuration
      .prefault('30s')
      .describe('Least time between two passes that webhooks ask for; schedule.collect goes on beside them.'),
  })
  .prefault({});

const portal = z
  .strictObject({
    host: z.string().default('127.0.0.1').describe('Address to listen on; 0.0.0.0 in a container.'),
    port: listenPort
      .default(9466)
      .describe(
        'Port to listen on, plain HTTP behind what ends TLS; 0 takes a free one, which the log names.',
      ),
    publicUrl: baseUrl
      .optional()
      .describe(
        'Where browsers reach it, https unless on this machine; needed for anybody else than this machine.',
      ),
    proxies: z
      .array(z.string().min(1))
      .default([])
      .describe('Addresses and networks of the proxies in front, whose `X-Forwarded-For` is believed.'),
    title: z.string().min(1).max(100).default('Chat archive').describe('What the pages call themselves.'),
    users: z
      .string()
      .min(1)
      .optional()
      .describe(
        'File that says who has which role and scope, by name or by claim; read anew when it changes.',
      ),
    folder: z
      .string()
      .min(1)
      .default('./portal')
      .describe('Folder for exports, the last verification and the newest head that was served.'),
    oidc: z
      .strictObject({
        issuer: baseUrl.describe('Issuer of the provider, https unless on this machine.'),
        clientId: z.string().min(1).describe('Client id that the provider gave the portal.'),
        clientSecret: secret,
        authentication: z
          .enum(['client_secret_basic', 'client_secret_post'])
          .default('client_secret_basic')
          .describe('How the secret is shown to the provider.'),
        scopes: z
          .array(z.string().min(1))
          .default(['openid', 'email', 'profile'])
          .describe('What is asked of the provider.'),
        nameClaim: z
          .string()
          .min(1)
          .default('email')
          .describe(
            'Claim that names a person in the users file and in the access log; nobody may set his own.',
          ),
      })
      .optional()
      .describe('Sign-in by OpenID Connect.'),
    sessions: z
      .strictObject({
        idle: positiveDuration.prefault('30m').describe('A session ends after so long without a request.'),
        longest: positiveDuration.prefault('12h').describe('It ends after so long in any case.'),
      })
      .prefault({}),
    exports: z
      .strictObject({
        keep: positiveDuration.prefault('7d').describe('A finished export is deleted after this.'),
        perPerson: z.number().int().min(1).default(2).describe('Exports that one person has running.'),
        atOnce: z.number().int().min(1).default(4).describe('Exports that run at the same time.'),
        space: bytes.prefault('50GB').describe('Nothing new is exported while all ZIPs take more.'),
      })
      .prefault({}),
    verify: z
      .strictObject({
        cron: z
          .string()
          .default('29 5 * * *')
          .describe(
            'When the archive is checked, as `verify` does, for the page that says whether it holds.',
          ),
        timezone: z.string().default('UTC').describe('IANA time zone of the cron fields.'),
      })
      .prefault({}),
    refresh: positiveDuration.prefault('30s').describe('How often a new head of the log is looked for.'),
    perMinute: z
      .number()
      .int()
      .min(10)
      .default(600)
      .describe('Requests that one address may send in a minute.'),
    cache: z
      .string()
      .min(1)
      .optional()
      .describe('Folder for copies from a bucket, shared with commands; by default the cache of the user.'),
    cacheSize: bytes.prefault('10GB').describe('What the copies take at most.'),
    metrics: z
      .strictObject({
        host: z.string().default('127.0.0.1').describe('Address of `/metrics`, `/healthz` and `/readyz`.'),
        port: listenPort.default(9467).describe('Port of these; 0 takes a free one.'),
      })
      .prefault({}),
  })
  .prefault({});

/** Settings of the portal in a file of their own: whoever serves needs no secret of whoever archives. */
export const portalSchema = z.strictObject({ portal });

/** The whole file. */
export const configSchema = z.strictObject({
  zoom,
  collection,
  streams,
  ledger,
  sink,
  signing,
  access,
  retention,
  disposition,
  holds,
  seal,
  verification,
  schedule: z
    .strictObject({
      collect: schedule('*/5 * * * *').describe('Sessions and messages.'),
      streams: schedule('*/5 * * * *').describe(
        'The other streams: asks for what their own `every` makes due.',
      ),
      fetch: schedule('* * * * *').describe('Files, forwarded messages and legal-hold zips, one by one.'),
      seal: schedule('* * * * *'),
      holds: schedule('* * * * *').describe(
        'Legal holds: looks for what they cover, and sets and lifts flags.',
      ),
      retention: schedule('23 4 * * *').describe(
        'Lengthens what is sealed to what the schedule asks for, as `retention apply` does.',
      ),
      verify: schedule('41 2 * * *').describe('Checks what was archived, as `verify` does.'),
      maintain: schedule('17 3 * * *'),
      dispose: schedule('37 3 * * *').describe(
        'Finishes disposals that were begun, and disposes where `disposition.automatic` says so.',
      ),
    })
    .prefault({}),
  metrics: z
    .strictObject({
      host: z.string().default('127.0.0.1').describe('Address to listen on; 0.0.0.0 in a container.'),
      port: listenPort.default(9464).describe('Port to listen on; 0 takes a free one, which the log names.'),
    })
    .prefault({}),
  log: z
    .strictObject({
      level: z
        .enum(['trace', 'debug', 'info', 'warn', 'error'])
        .default('info')
        .describe(
          'The least that `run` logs; other commands log from `warn` on. `--log-level` says otherwise.',
        ),
    })
    .prefault({}),
  webhooks,
  portal,
  replicas: z.number().int().min(1).default(1).describe('How many run; more than one needs Postgres.'),
  drain: duration.prefault('25s').describe('After a stop signal, how long work in hand may take to finish.'),
});

/** The JSON Schema of a retention schedule in a file of its own; published as `retention.schema.json`. */
export function scheduleJsonSchema(): unknown {
  return z.toJSONSchema(scheduleSchema, { io: 'input', unrepresentable: 'any' });
}

/** The JSON Schema of the file, for editors; published as `config.schema.json`. */
export function configJsonSchema(): unknown {
  return z.toJSONSchema(configSchema, { io: 'input', unrepresentable: 'any' });
}
