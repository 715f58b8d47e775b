/** The API described by OpenAPI 3.1, made of the schemas that requests are checked with. */
import { z } from 'zod';
import { exportInput } from '../export/export.ts';
import { archivedFileInput } from '../query/archived-file.ts';
import { shownExport } from './export-files.ts';
import { me } from './me.ts';
import { QUESTIONS } from './questions.ts';
import { errorBody } from './refusal.ts';
import { credentials, methods } from './sign-in.ts';
import { verificationState } from './verification.ts';

interface Operation {
  readonly method: 'get' | 'post' | 'delete';
  /** With fastify's placeholders. */
  readonly path: string;
  readonly summary: string;
  readonly body?: z.ZodType;
  readonly query?: z.ZodObject;
  readonly status?: number;
  /** JSON by this schema, bytes of this type, or nothing. */
  readonly answer?: z.ZodType | string;
  /** Whether nobody needs to be signed in. */
  readonly open?: true;
}

const anything = z.looseObject({});

const OPERATIONS: readonly Operation[] = [
  { method: 'get', path: '/api/sign-in', summary: 'How to sign in.', answer: methods, open: true },
  {
    method: 'post',
    path: '/api/sign-in',
    summary: 'Signs in by password.',
    body: credentials,
    answer: me,
    open: true,
  },
  {
    method: 'get',
    path: '/auth/oidc',
    summary: 'Sends a browser to the provider of OpenID Connect.',
    query: z.object({ return: z.string().optional().describe('Path to end at.') }),
    status: 303,
    open: true,
  },
  {
    method: 'get',
    path: '/auth/oidc/callback',
    summary: 'Where the provider sends a browser back to.',
    status: 303,
    open: true,
  },
  { method: 'post', path: '/api/sign-out', summary: 'Ends the session.', status: 204 },
  { method: 'get', path: '/api/me', summary: 'Who is signed in, and what he may.', answer: me },
  ...QUESTIONS.map(
    ({ path, summary, input }): Operation => ({
      method: 'post',
      path,
      summary,
      body: input,
      answer: anything,
    }),
  ),
  { method: 'get', path: '/api/retention', summary: 'Classes, holds and disposals.', answer: anything },
  {
    method: 'get',
    path: '/api/files/:sha256',
    summary: 'The bytes of an archived file that a message names.',
    query: archivedFileInput.omit({ sha256: true }),
    answer: 'application/octet-stream',
  },
  {
    method: 'post',
    path: '/api/exports',
    summary: 'Orders an export.',
    body: exportInput,
    status: 202,
    answer: z.object({ id: z.string() }),
  },
  {
    method: 'get',
    path: '/api/exports',
    summary: 'Exports that the reader may see, newest first.',
    answer: z.object({ exports: z.array(shownExport) }),
  },
  { method: 'get', path: '/api/exports/:id', summary: 'An export.', answer: shownExport },
  {
    method: 'get',
    path: '/api/exports/:id/download',
    summary: 'The ZIP of a finished export; one range at a time.',
    answer: 'application/zip',
  },
  {
    method: 'delete',
    path: '/api/exports/:id',
    summary: 'Stops an export, and deletes its ZIP.',
    status: 204,
  },
  {
    method: 'get',
    path: '/api/verification',
    summary: 'What the last verification said.',
    answer: verificationState,
  },
  {
    method: 'post',
    path: '/api/verification',
    summary: 'Begins a verification, unless one runs.',
    status: 202,
    answer: verificationState,
  },
  { method: 'get', path: '/api/openapi.json', summary: 'This document.', answer: anything },
];

/** @param title of the portal */
export function openApi(title: string): unknown {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const operation of OPERATIONS) {
    const path = operation.path.replace(/:(\w+)/g, '{$1}');
    paths[path] = { ...paths[path], [operation.method]: describe(operation) };
  }
  return {
    openapi: '3.1.0',
    jsonSchemaDialect: 'https://json-schema.org/draft/2020-12/schema',
    info: { title, version: '1', description: 'The archive of Zoom Team Chat, for auditors.' },
    security: [{ session: [] }],
    paths,
    components: {
      securitySchemes: {
        session: { type: 'apiKey', in: 'cookie', name: 'session', description: '`__Host-session` by HTTPS.' },
      },
      responses: {
        Refused: {
          description: 'Why there is no answer.',
          content: { 'application/json': { schema: jsonSchema(errorBody, 'output') } },
        },
      },
    },
  };
}

function describe({ method, path, summary, body, query, status = 200, answer, open }: Operation): unknown {
  const parameters = [
    ...[...path.matchAll(/:(\w+)/g)].map(([, name]) => parameter('path', name, true, z.string())),
    ...Object.entries(query?.shape ?? {}).map(([name, schema]) => {
      const type = schema as z.ZodType;
      return parameter('query', name, !type.safeParse(undefined).success, type);
    }),
    ...(method === 'get' ? [] : [parameter('header', 'x-csrf-token', true, z.string())]),
  ];
  return {
    summary,
    operationId: [method, ...path.split(/[^\w]+/).filter((word) => word !== '' && word !== 'api')].join('-'),
    ...(open === true ? { security: [] } : {}),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(body === undefined
      ? {}
      : {
          requestBody: {
            required: true,
            content: { 'application/json': { schema: jsonSchema(body, 'input') } },
          },
        }),
    responses: {
      [status]: { description: summary, ...(answer === undefined ? {} : { content: contentOf(answer) }) },
      default: { $ref: '#/components/responses/Refused' },
    },
  };
}

function parameter(place: string, name: string | undefined, required: boolean, schema: z.ZodType): unknown {
  return { name, in: place, required, schema: jsonSchema(schema, 'input') };
}

function contentOf(answer: z.ZodType | string): unknown {
  return typeof answer === 'string'
    ? { [answer]: { schema: { type: 'string', format: 'binary' } } }
    : { 'application/json': { schema: jsonSchema(answer, 'output') } };
}

/** Each stands by itself, so that references within it need no rewriting. */
function jsonSchema(schema: z.ZodType, io: 'input' | 'output'): unknown {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, {
    io,
    reused: 'inline',
    unrepresentable: 'any',
  });
  return rest;
}
