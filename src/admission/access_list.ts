/**
 * The access list: which addresses may connect.
 *
 * The text is read strictly: `ipaddr.js`, the library without dependencies, takes 6 ms to load on Node where this file
 * takes 1, and reads `010.1` as 8.0.0.1. An access list must not guess.
 *
 * @module
 */

import { refuse } from "../check.ts";

/**
 * The addresses that begin with the same bits: one address, or a CIDR block (RFC 4632, RFC 4291 2.3). All have 128 bits:
 * IPv4 is taken as IPv6 (`::ffff:10.0.0.0`, RFC 4291 2.5.5.2), as it comes over an IPv6 listener.
 */
export interface Block {
  /** How many bits, from the left, its addresses share. */
  readonly prefix: number;
  /** Those bits. */
  readonly start: bigint;
}

/** Which addresses may connect: `deny` beats `allow`, and an empty `allow` allows all. */
export class AccessList {
  readonly #allow: readonly Block[];
  readonly #deny: readonly (readonly [string, Block])[];

  /** Reads the lists, as {@link readBlock} does. */
  constructor(allow: readonly string[], deny: readonly string[]) {
    this.#allow = allow.map((entry) => readBlock("allow", entry));
    this.#deny = deny.map((entry) => [entry, readBlock("deny", entry)]);
  }

  /** Why the address may not connect, or `undefined`. An address that cannot be read may not connect. */
  refuses(address: string): string | undefined {
    if (this.#allow.length === 0 && this.#deny.length === 0) return undefined;
    const bits = clientBits(address);
    if (bits === undefined) return "its address cannot be checked";
    const denied = this.#deny.find(([, each]) => holds(each, bits));
    if (denied) return `deny ${denied[0]}`;
    return this.#allow.length === 0 || this.#allow.some((each) => holds(each, bits)) ? undefined : "not in allow";
  }
}

/** Whether an address is one of this machine only: 127.0.0.0/8 (RFC 1122 3.2.1.3) or ::1 (RFC 4291 2.5.3). */
export function isLoopback(address: string): boolean {
  const bits = clientBits(address);
  return bits !== undefined && LOOPBACK.some((each) => holds(each, bits));
}

/**
 * Reads an address (`192.168.0.1`, `::1`) or a CIDR block (`10.0.0.0/8`, `fd00::/8`); a string says why it is none.
 * IPv4 written as IPv6 (`::ffff:10.0.0.0/104`) is IPv4 too.
 */
function parseBlock(entry: string): Block | string {
  const [, address = "", digits] = /^([^/]*)(?:\/(.*))?$/s.exec(entry)!;
  if (address.includes("%")) return "a zone cannot be checked, leave it out";
  const bits = parseBits(address);
  if (bits === undefined) {
    return "an address looks like 192.168.0.1 or ::1, a block of them like 10.0.0.0/8 or fd00::/8";
  }
  const width = address.includes(":") ? 128 : 32;
  const given = digits === undefined ? width : /^(0|[1-9][0-9]{0,2})$/.test(digits) ? Number(digits) : NaN;
  if (!(given <= width)) return `its prefix is a number from 0 to ${width}`;
  const rest = BigInt(width - given);
  const start = bits >> rest;
  // 10.1.0.0/8 may mean 10.0.0.0/8 or 10.1.0.0/16: a guess could admit or refuse the wrong addresses.
  if (start << rest !== bits) return `it has bits behind the first ${given}, write the first address of the block`;
  return { prefix: 128 - width + given, start };
}

/** The block of an entry of a list. Throws a `TypeError` that names both when it is none. */
export function readBlock(list: string, entry: string): Block {
  const block = parseBlock(entry);
  if (typeof block === "string") refuse(list, entry, block);
  return block;
}

/** Whether an address is in a block. A block that is larger than all of IPv4 is one of IPv6 alone. */
function holds({ prefix, start }: Block, bits: bigint): boolean {
  return bits >> BigInt(128 - prefix) === start && (prefix >= 96 || bits >> 32n !== 0xffffn);
}

const LOOPBACK: readonly Block[] = ["127.0.0.0/8", "::1"].map((entry) => readBlock("loopback", entry));

/** The bits of a client's address. Its zone (`%eth0`) means something on this machine only. */
function clientBits(address: string): bigint | undefined {
  return parseBits(address.replace(/%.*$/s, ""));
}

/**
 * Reads an address as IPv6 in a URL is read, which is strict: `::` once for zeros, and no leading zeros in IPv4, which some
 * programs read as octal.
 */
function parseBits(address: string): bigint | undefined {
  const url = `tcp://[${address.includes(":") ? address : `::ffff:${address}`}]`;
  if (!/^[0-9a-f:.]*[:.][0-9a-f:.]*$/i.test(address) || !URL.canParse(url)) return undefined;
  const [head, rest = []] = new URL(url).hostname.slice(1, -1).split("::").map((half) => half ? half.split(":") : []);
  const zeros = Array<string>(8 - head!.length - rest.length).fill("0");
  return [...head!, ...zeros, ...rest].reduce((bits, group) => (bits << 16n) | BigInt(`0x${group}`), 0n);
}

/** Whether only this machine reaches the host. */
export function isLocal(host: string): boolean {
  // 127.1 is 127.0.0.1 to the system (inet(3)).
  return host.toLowerCase() === "localhost" || isLoopback(host) || /^127(\.[0-9]+){1,3}$/.test(host);
}
