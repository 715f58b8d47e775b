/** Which addresses are the public internet's, and which this machine's own. Pure. */
import { BlockList } from 'node:net';

/** Not of the public internet, by IANA's registries of special-purpose addresses (RFC 6890). */
const SPECIAL_IPV4: readonly (readonly [string, number])[] = [
  // This network, private use (RFC 1918), shared by carriers (RFC 6598), loopback, link-local (cloud metadata).
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  // Protocol assignments, documentation, 6to4 relays, benchmarks, multicast, reserved and broadcast.
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['192.88.99.0', 24],
  ['198.18.0.0', 15],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
];
const SPECIAL_IPV6: readonly (readonly [string, number])[] = [
  // Unspecified, loopback and the old form of IPv4 addresses; unique-local, link-local, site-local, multicast.
  ['::', 96],
  ['fc00::', 7],
  ['fe80::', 10],
  ['fec0::', 10],
  ['ff00::', 8],
  // Local NAT64, discard-only, protocol assignments with Teredo, documentation, 6to4.
  ['64:ff9b:1::', 48],
  ['100::', 64],
  ['2001::', 23],
  ['2001:db8::', 32],
  ['3fff::', 20],
  ['2002::', 16],
];
/** IPv6 addresses that stand for IPv4 ones: mapped (RFC 4291), and through NAT64 (RFC 6052). */
const EMBEDDING = ['::ffff:', '64:ff9b::'];

const special = new BlockList();
const loopback = new BlockList();
for (const [network, bits] of SPECIAL_IPV4) addIpv4(special, network, bits);
for (const [network, bits] of SPECIAL_IPV6) special.addSubnet(network, bits, 'ipv6');
addIpv4(loopback, '127.0.0.0', 8);
loopback.addAddress('::1', 'ipv6');

function addIpv4(list: BlockList, network: string, bits: number): void {
  list.addSubnet(network, bits, 'ipv4');
  for (const prefix of EMBEDDING) list.addSubnet(`${prefix}${network}`, 96 + bits, 'ipv6');
}

/** @param address in numbers, IPv4 or IPv6 */
export function isPublic(address: string): boolean {
  return !special.check(address, familyOf(address));
}

/** @param address in numbers, IPv4 or IPv6 */
export function isLoopback(address: string): boolean {
  return loopback.check(address, familyOf(address));
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return address.includes(':') ? 'ipv6' : 'ipv4';
}
