/**
 * Admission: decides whether a connection is accepted, by the limits and by its listener's access list.
 *
 * @module
 */

import type { AccessList } from "./access_list.ts";
import { logger } from "../logger.ts";

/** The slice of a mob's options that limits connections. */
export interface AdmissionOptions {
  /** Connections at a time. */
  readonly maxConnections: number;
  /** Connections at a time from one remote address; 0 is no limit. */
  readonly maxConnectionsPerAddress: number;
}

/** Counts the connections, in all and by remote address, and refuses those over a limit. */
export class Admission {
  readonly #maxConnections: number;
  readonly #maxPerAddress: number;
  /**
   * The most TLS handshakes under way. They take up to half of the slots, so that handshakes that never end, ten seconds
   * each, leave the other half to other connections; `maxConnectionsPerAddress` bounds them for one address.
   */
  readonly #maxHandshakes: number;
  readonly #byAddress: Map<string, number> = new Map();
  /**
   * TLS handshakes under way, by remote address and port. The same pair on two listeners shares an entry: the first to
   * finish takes the slot, and the other has to find one.
   */
  readonly #handshakes: Map<string, number> = new Map();
  #underWay = 0;
  #inside = 0;

  /**
   * Makes an admission with no connections. `capacity` is how many connections the process can have open, if that is
   * known: it lowers `maxConnections`, with a warning now rather than when the descriptors run out.
   */
  constructor(options: AdmissionOptions, capacity: number | undefined) {
    const { maxConnections, maxConnectionsPerAddress } = options;
    this.#maxPerAddress = maxConnectionsPerAddress;
    this.#maxConnections = Math.min(maxConnections, capacity ?? Infinity);
    this.#maxHandshakes = Math.ceil(this.#maxConnections / 2);
    if (this.#maxConnections === maxConnections) return;
    logger.warning("maxConnections {maxConnections} does not fit under the limit of open files, using {capacity}", {
      maxConnections,
      capacity,
    });
  }

  /** TLS handshakes under way. */
  get handshakes(): number {
    return this.#underWay;
  }

  /** Counts a connection and returns `undefined`, or returns what refuses it: a list, or a limit as `name value`. */
  enter(remoteAddress: string, lists: AccessList | undefined): string | undefined {
    if (hasAddress(remoteAddress)) {
      const denied = lists?.refuses(ipAddressOf(remoteAddress));
      if (denied) return denied;
    }
    if (this.#inside >= this.#maxConnections) return `maxConnections ${this.#maxConnections}`;
    if (this.#countsByAddress(remoteAddress)) {
      const address = ipAddressOf(remoteAddress);
      if (countOf(this.#byAddress, address) >= this.#maxPerAddress) {
        return `maxConnectionsPerAddress ${this.#maxPerAddress}`;
      }
      count(this.#byAddress, address, 1);
    }
    this.#inside++;
    return undefined;
  }

  /** Counts a connection out. */
  leave(remoteAddress: string): void {
    this.#inside--;
    if (this.#countsByAddress(remoteAddress)) count(this.#byAddress, ipAddressOf(remoteAddress), -1);
  }

  /** Counts a TLS handshake in, which takes a slot like a connection, or returns why it may not begin. */
  handshakeStarted(remoteAddress: string, lists: AccessList): string | undefined {
    if (this.#underWay >= this.#maxHandshakes) return `handshakes ${this.#maxHandshakes}`;
    const obstacle = this.enter(remoteAddress, lists);
    if (obstacle) return obstacle;
    this.#underWay++;
    count(this.#handshakes, remoteAddress, 1);
    return undefined;
  }

  /** Frees the slot of a TLS handshake, if there was one: its own connection may take it now. */
  handshakeOver(remoteAddress: string): void {
    if (countOf(this.#handshakes, remoteAddress) === 0) return;
    count(this.#handshakes, remoteAddress, -1);
    this.#underWay--;
    this.leave(remoteAddress);
  }

  #countsByAddress(remoteAddress: string): boolean {
    return this.#maxPerAddress > 0 && hasAddress(remoteAddress);
  }
}

function countOf(counts: ReadonlyMap<string, number>, name: string): number {
  return counts.get(name) ?? 0;
}

/** Counts one more or one less. A name without any is not kept. */
function count(counts: Map<string, number>, name: string, by: 1 | -1): void {
  const left = countOf(counts, name) + by;
  if (left > 0) counts.set(name, left);
  else counts.delete(name);
}

/** Clients of `mob.join()` and clients on Unix sockets have no address. */
function hasAddress(remoteAddress: string): boolean {
  return remoteAddress.includes(":");
}

/** The address in `address:port`. An IPv4 address over an IPv6 listener counts as IPv4. */
export function ipAddressOf(remoteAddress: string): string {
  const address = remoteAddress.slice(0, remoteAddress.lastIndexOf(":")).replace(/^\[|\]$/g, "");
  return address.replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i, "");
}
