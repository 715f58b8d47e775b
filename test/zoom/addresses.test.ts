import { describe, expect, test } from 'vitest';
import { isLoopback, isPublic } from '../../src/zoom/addresses.ts';

describe('an address of the public internet', () => {
  test.each([
    '8.8.8.8',
    '170.114.52.2',
    '172.15.255.255',
    '172.32.0.0',
    '192.167.0.1',
    '100.63.255.255',
    '100.128.0.0',
    '223.255.255.255',
    '2606:4700::6810:85e5',
    '::ffff:8.8.8.8',
    '::ffff:808:808',
    '64:ff9b::8.8.8.8',
  ])('is %s', (address) => expect(isPublic(address)).toBe(true));

  test.each([
    '0.0.0.0',
    '10.0.0.1',
    '100.64.0.1',
    '100.127.255.255',
    '127.0.0.1',
    '127.255.255.254',
    '169.254.169.254',
    '172.16.0.1',
    '172.31.255.255',
    '192.0.0.170',
    '192.168.0.1',
    '198.19.0.1',
    '224.0.0.1',
    '240.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    '::127.0.0.1',
    '::ffff:10.0.0.1',
    '::ffff:a00:1',
    '::ffff:7f00:1',
    '::FFFF:169.254.169.254',
    '0:0:0:0:0:ffff:c0a8:1',
    '64:ff9b::10.0.0.1',
    '64:ff9b::a9fe:a9fe',
    '64:ff9b:1::1',
    'fc00::1',
    'fd12:3456::1',
    'fe80::1',
    'febf::1',
    'fec0::1',
    'ff02::1',
    '2001:db8::1',
    '2002:7f00:1::',
    '2001:0:1::1',
  ])('is not %s', (address) => expect(isPublic(address)).toBe(false));
});

test('loopback is this machine alone, in all its forms', () => {
  const own = ['127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1', '::ffff:7f00:1'];
  expect(own.filter((address) => !isLoopback(address))).toEqual([]);
  const others = ['10.0.0.1', '169.254.169.254', '0.0.0.0', '::', 'fe80::1', '128.0.0.1', '::ffff:10.0.0.1'];
  expect(others.filter(isLoopback)).toEqual([]);
});
