/** Connections for downloads: wherever a link leads, never into a network that only this machine can reach. */
import { type LookupAddress, lookup as systemLookup } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { promisify } from 'node:util';
import { Agent, buildConnector } from 'undici';
import { ArchiverError } from '../errors.ts';
import { isLoopback, isPublic } from './addresses.ts';
import { areLocal } from './hosts.ts';

/** All addresses of a name. */
export type Resolve = (hostname: string) => Promise<readonly LookupAddress[]>;

const resolveAll = promisify(systemLookup);
const bySystem: Resolve = (hostname) => resolveAll(hostname, { all: true });

/**
 * An agent that connects to public addresses only, and to `origins`, which the operator configured, wherever they are;
 * to loopback where all of them are there, as an emulator's are. A connection goes to the address that was checked, so
 * no second answer of the name server can change it. Requests fail with `zoom-address`.
 */
export function downloadAgent(origins: readonly string[], resolve: Resolve = bySystem): Agent {
  const local = areLocal(origins);
  const may = (address: string): boolean => isPublic(address) || (local && isLoopback(address));
  const lookup: LookupFunction = (hostname, { all }, callback) => {
    resolve(hostname).then(
      (addresses) => {
        const [first] = addresses;
        if (first === undefined || !addresses.every(({ address }) => may(address))) {
          callback(refused(hostname), '');
        } else if (all === true) callback(null, [...addresses]);
        else callback(null, first.address, first.family);
      },
      (error: NodeJS.ErrnoException) => callback(error, ''),
    );
  };
  const trusted = buildConnector({});
  const checked = buildConnector({ lookup });
  return new Agent({
    keepAliveTimeout: 30_000,
    pipelining: 1,
    connect(options, callback) {
      const { protocol, host = '', hostname } = options;
      if (origins.includes(`${protocol}//${host}`)) trusted(options, callback);
      // Addresses in numbers are not looked up.
      else if (isIP(hostname) !== 0 && !may(hostname)) callback(refused(hostname), null);
      else checked(options, callback);
    },
  });
}

function refused(hostname: string): ArchiverError {
  return new ArchiverError('zoom-address', 'the link leads into a private network', { detail: hostname });
}
