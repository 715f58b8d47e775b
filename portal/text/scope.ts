/** Scopes for people. */
import type { ReaderScope } from '../../src/query/reader.ts';

/** `matter Doe v. Acme, channel legal-*; 2026-01-01 to today (UTC)`; empty for the whole archive. */
export function scopeText({ matters, custodians, channels, from, to }: ReaderScope): string {
  const places = [
    ...matters.map((each) => `matter ${each}`),
    ...custodians.map((each) => `custodian ${each}`),
    ...channels.map((each) => `channel ${each}`),
  ].join(', ');
  const days = from === null && to === null ? '' : `${from ?? 'the beginning'} to ${to ?? 'today'} (UTC)`;
  return [places, days].filter((each) => each !== '').join('; ');
}
