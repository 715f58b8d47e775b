/** The part of the package that the tests use; it comes without types. */
declare module 'oidc-provider' {
  import type { IncomingMessage, ServerResponse } from 'node:http';

  export interface ProviderGrant {
    addOIDCScope(scope: string): void;
    save(): Promise<string>;
  }

  export interface ProviderOptions {
    readonly [name: string]: unknown;
    readonly interactions: { url(ctx: unknown, interaction: { readonly uid: string }): string };
    findAccount(
      ctx: unknown,
      id: string,
    ): Promise<{ readonly accountId: string; claims(): Promise<Record<string, unknown>> }>;
  }

  export class Provider {
    constructor(issuer: string, options: ProviderOptions);
    readonly Grant: new (of: {
      readonly accountId: string;
      readonly clientId: string;
    }) => ProviderGrant;
    callback(): (request: IncomingMessage, response: ServerResponse) => void;
    interactionDetails(
      request: IncomingMessage,
      response: ServerResponse,
    ): Promise<{ readonly params: Readonly<Record<string, unknown>> }>;
    interactionFinished(request: IncomingMessage, response: ServerResponse, result: unknown): Promise<void>;
  }
}
