import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { QUESTIONS } from '../../src/portal/questions.ts';
import { signedIn, stage } from './stage.ts';

const schema = z.looseObject({});
const content = z.record(z.string(), z.strictObject({ schema }));
const reference = z.strictObject({ $ref: z.string() });

/** What the specification of OpenAPI 3.1 demands of the parts that the document uses; nothing else may be there. */
const document = z.strictObject({
  openapi: z.string().regex(/^3\.1\.\d+$/),
  jsonSchemaDialect: z.url(),
  info: z.strictObject({ title: z.string(), version: z.string(), description: z.string() }),
  security: z.array(z.record(z.string(), z.array(z.string()))),
  paths: z.record(
    z.string().startsWith('/'),
    z.partialRecord(
      z.enum(['get', 'post', 'delete']),
      z.strictObject({
        summary: z.string().min(1),
        operationId: z.string().regex(/^[a-zA-Z][\w-]*$/),
        security: z.array(z.never()).optional(),
        parameters: z
          .array(
            z
              .strictObject({
                name: z.string(),
                in: z.enum(['path', 'query', 'header']),
                required: z.boolean(),
                schema,
              })
              .refine((parameter) => parameter.in !== 'path' || parameter.required),
          )
          .optional(),
        requestBody: z.strictObject({ required: z.literal(true), content }).optional(),
        responses: z.record(
          z.string().regex(/^([2-5]\d\d|default)$/),
          z.union([
            z.strictObject({ description: z.string().min(1), content: content.optional() }),
            reference,
          ]),
        ),
      }),
    ),
  ),
  components: z.strictObject({
    securitySchemes: z.record(
      z.string(),
      z.strictObject({
        type: z.literal('apiKey'),
        in: z.literal('cookie'),
        name: z.string(),
        description: z.string(),
      }),
    ),
    responses: z.record(z.string(), z.strictObject({ description: z.string(), content })),
  }),
});

/** The document, and what the server listens to, as it says itself. */
async function read() {
  const oidc = {
    issuer: 'http://127.0.0.1:9',
    clientId: 'portal',
    clientSecret: 'secret',
    authentication: 'client_secret_post',
    scopes: ['openid'],
    nameClaim: 'email',
  } as const;
  const { url, portal } = await stage({ options: { oidc } });
  const { json } = await (await signedIn(url)).get('/api/openapi.json');
  return { routes: portal.routes, api: document.parse(json) };
}

describe('the description of the API', () => {
  test('is OpenAPI 3.1, with each operation once and each parameter of its path', async () => {
    const { api } = await read();
    const operations = Object.values(api.paths).flatMap((path) => Object.values(path));
    const ids = operations.map(({ operationId }) => operationId);
    expect(new Set(ids).size).toBe(ids.length);
    for (const [path, methods] of Object.entries(api.paths)) {
      const named = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      for (const { parameters = [] } of Object.values(methods)) {
        const given = parameters.filter((parameter) => parameter.in === 'path').map(({ name }) => name);
        expect([path, given]).toEqual([path, named]);
      }
    }
    const text = JSON.stringify(api);
    for (const [, target = ''] of text.matchAll(/"\$ref":"([^"]+)"/g))
      expect(target).toBe('#/components/responses/Refused');
  });

  test('has every route of the server, and no other', async () => {
    const { api, routes } = await read();
    const described = Object.entries(api.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path.replace(/\{(\w+)\}/g, ':$1')}`),
    );
    const listened = routes.filter((route) => !route.startsWith('HEAD ') && /^\w+ \/(api|auth)/.test(route));
    expect(described.sort()).toEqual([...listened].sort());
    expect(listened.length).toBeGreaterThan(20);
  });

  test('takes of each question what the verb takes, and refuses what it refuses', async () => {
    const { api } = await read();
    const tried: readonly unknown[] = [
      {},
      { text: 'a' },
      { text: '' },
      { text: 'a', limit: 5 },
      { limit: 0 },
      { limit: 1001 },
      { session: 's' },
      { message: 'm' },
      { from: '2026-11-20' },
      { from: 'yesterday' },
      { action: 'view' },
      { unknown: 1 },
      [],
      null,
    ];
    for (const { path, input } of QUESTIONS) {
      const described = api.paths[path]?.post?.requestBody?.content['application/json']?.schema;
      const fromDocument = z.fromJSONSchema(described as Parameters<typeof z.fromJSONSchema>[0]);
      for (const body of tried)
        expect([path, body, fromDocument.safeParse(body).success]).toEqual([
          path,
          body,
          input.safeParse(body).success,
        ]);
    }
  });
});
