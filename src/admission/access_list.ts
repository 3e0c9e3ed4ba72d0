/**
 * The access list: which addresses may connect.
 *
 * The text is read strictly, by our own code: `ipaddr.js`, the library without dependencies, takes 6 ms to load on Node
 * where this file takes 1, and reads `010.1` as 8.0.0.1. An access list must not guess.
 *
 * @module
 */

/** The addresses that begin with the same bits: one address, or a CIDR block (RFC 4632, RFC 4291 2.3). */
export interface Block {
  /** Bits of an address of its kind: 32 or 128. */
  readonly width: number;
  /** How many of them, from the left, its addresses share. */
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
    const block = parseAddressBits(address);
    if (block === undefined) return "its address cannot be checked";
    const denied = this.#deny.find(([, each]) => holds(each, block));
    if (denied !== undefined) return `deny ${denied[0]}`;
    return this.#allow.length === 0 || this.#allow.some((each) => holds(each, block)) ? undefined : "not in allow";
  }
}

/** Whether an address is one of this machine only: 127.0.0.0/8 (RFC 1122 3.2.1.3) or ::1 (RFC 4291 2.5.3). */
export function isLoopback(address: string): boolean {
  const block = parseAddressBits(address);
  return block !== undefined && LOOPBACK.some((each) => holds(each, block));
}

/**
 * Reads an address (`192.168.0.1`, `::1`) or a CIDR block (`10.0.0.0/8`, `fd00::/8`); a string says why it is none.
 * IPv4 written as IPv6 (`::ffff:10.0.0.0/104`) is IPv4.
 */
function parseBlock(entry: string): Block | string {
  const [, address = "", digits] = /^([^/]*)(?:\/(.*))?$/s.exec(entry)!;
  if (address.includes("%")) return "a zone cannot be checked, leave it out";
  const bits = parseBits(address);
  if (bits === undefined) {
    return "an address looks like 192.168.0.1 or ::1, a block of them like 10.0.0.0/8 or fd00::/8";
  }
  const { width, start } = bits;
  const prefix = digits === undefined ? width : /^(0|[1-9][0-9]{0,2})$/.test(digits) ? Number(digits) : NaN;
  if (!(prefix <= width)) return `its prefix is a number from 0 to ${width}`;
  const rest = BigInt(width - prefix);
  // 10.1.0.0/8 may mean 10.0.0.0/8 or 10.1.0.0/16: a guess could admit or refuse the wrong addresses.
  if ((start >> rest) << rest !== start) {
    return `it has bits behind the first ${prefix}, write the first address of the block`;
  }
  return asIPv4({ width, prefix, start: start >> rest });
}

/** The block of an entry of a list. Throws a `TypeError` that names both when it is none. */
export function readBlock(list: string, entry: string): Block {
  const block = parseBlock(entry);
  if (typeof block === "string") throw new TypeError(`Cannot use ${list} ${JSON.stringify(entry)}: ${block}`);
  return block;
}

function holds({ width, prefix, start }: Block, address: Block): boolean {
  return width === address.width && address.start >> BigInt(width - prefix) === start;
}

/** A client's address, as a block of one address. Its zone (`%eth0`) means something on this machine only. */
function parseAddressBits(address: string): Block | undefined {
  const bits = parseBits(address.replace(/%.*$/s, ""));
  return bits && asIPv4({ ...bits, prefix: bits.width });
}

/** The first 96 bits of IPv4 addresses over an IPv6 listener (RFC 4291 2.5.5.2). */
const MAPPED = 0xffffn;

const LOOPBACK: readonly Block[] = ["127.0.0.0/8", "::1"].map((entry) => readBlock("loopback", entry));

function asIPv4(block: Block): Block {
  const prefix = block.prefix - 96;
  if (block.width === 32 || prefix < 0 || block.start >> BigInt(prefix) !== MAPPED) return block;
  return { width: 32, prefix, start: block.start & ((1n << BigInt(prefix)) - 1n) };
}

function parseBits(address: string): { readonly width: number; readonly start: bigint } | undefined {
  const width = address.includes(":") ? 128 : 32;
  const start = width === 32 ? parseIPv4(address) : parseIPv6(address);
  return start === undefined ? undefined : { width, start };
}

/** Four decimal numbers. Leading zeros are refused: some programs read them as octal. */
function parseIPv4(address: string): bigint | undefined {
  const parts = address.split(".");
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9][0-9]{0,2})$/.test(part) && Number(part) < 256)) {
    return undefined;
  }
  return parts.reduce((bits, part) => (bits << 8n) | BigInt(part), 0n);
}

/** Eight groups of hexadecimal digits; `::` stands for groups of zeros, once; the last two may be written as IPv4. */
function parseIPv6(address: string): bigint | undefined {
  const tail = /[^:]*\.[^:]*$/.exec(address)?.[0];
  const last = tail === undefined ? 0n : parseIPv4(tail);
  if (last === undefined) return undefined;
  const text = tail === undefined
    ? address
    : address.slice(0, -tail.length) + `${(last >> 16n).toString(16)}:${(last & 0xffffn).toString(16)}`;
  const halves = text.split("::").map((half) => half === "" ? [] : half.split(":"));
  const [head = [], rest = []] = halves;
  const zeros = 8 - head.length - rest.length;
  if (halves.length > 2 || (halves.length === 2 ? zeros < 1 : zeros !== 0)) return undefined;
  const groups = [...head, ...Array<string>(zeros).fill("0"), ...rest];
  if (!groups.every((group) => /^[0-9a-f]{1,4}$/i.test(group))) return undefined;
  return groups.reduce((bits, group) => (bits << 16n) | BigInt(`0x${group}`), 0n);
}
