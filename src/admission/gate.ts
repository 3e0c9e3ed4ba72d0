/**
 * The gate: who may come in.
 *
 * @module
 */

import { AccessList } from "./access_list.ts";
import { logger } from "../logger.ts";
import type { ResolvedOptions } from "../server/options.ts";

/** Asks where incoming connections come from, counts who is in, in all and by remote address, and says who is one too many. */
export class Gate {
  readonly #access: AccessList;
  readonly #maxConnections: number;
  readonly #maxPerAddress: number;
  /**
   * Handshakes that may be under way. They take up to half of the places, so that those that never end, ten seconds
   * each, leave the other half to whoever comes in without one; `maxConnectionsPerAddress` bounds them for one address.
   */
  readonly #maxHandshakes: number;
  readonly #byAddress: Map<string, number> = new Map();
  /**
   * Handshakes under way, by client. One that is at two listeners from the same port is one name: whichever comes in first
   * gets the place, and the other has to find one.
   */
  readonly #handshakes: Map<string, number> = new Map();
  #underWay = 0;
  #inside = 0;

  /**
   * A gate with nobody inside. `capacity` is how many connections the process can have open, if that is known: the
   * gate lets in no more, and says so now rather than when the descriptors run out.
   */
  constructor(options: ResolvedOptions, capacity: number | undefined) {
    const { maxConnections, maxConnectionsPerAddress, allow, deny } = options;
    this.#access = new AccessList(allow, deny);
    this.#maxPerAddress = maxConnectionsPerAddress;
    this.#maxConnections = Math.min(maxConnections, capacity ?? Infinity);
    this.#maxHandshakes = Math.ceil(this.#maxConnections / 2);
    if (this.#maxConnections === maxConnections) return;
    logger.warning("maxConnections {maxConnections} does not fit under the limit of open files, using {capacity}", {
      maxConnections,
      capacity,
    });
  }

  /** Handshakes under way. */
  get handshakes(): number {
    return this.#underWay;
  }

  /** Lets the client in, or says what keeps it out: a list, or a limit as `name value`. */
  enter(remoteAddress: string): string | undefined {
    const denied = hasAddress(remoteAddress) ? this.#access.refuses(ipAddressOf(remoteAddress)) : undefined;
    if (denied !== undefined) return denied;
    if (this.#inside >= this.#maxConnections) return `maxConnections ${this.#maxConnections}`;
    if (this.#countsByAddress(remoteAddress)) {
      const address = ipAddressOf(remoteAddress);
      const count = this.#byAddress.get(address) ?? 0;
      if (count >= this.#maxPerAddress) return `maxConnectionsPerAddress ${this.#maxPerAddress}`;
      this.#byAddress.set(address, count + 1);
    }
    this.#inside++;
    return undefined;
  }

  /** A client that was let in has gone. */
  leave(remoteAddress: string): void {
    this.#inside--;
    if (!this.#countsByAddress(remoteAddress)) return;
    const address = ipAddressOf(remoteAddress);
    const count = this.#byAddress.get(address) ?? 0;
    if (count > 1) this.#byAddress.set(address, count - 1);
    else this.#byAddress.delete(address);
  }

  /** Lets the client begin a handshake, which takes a place as a connection does; or says what keeps it out. */
  knock(remoteAddress: string): string | undefined {
    if (this.#underWay >= this.#maxHandshakes) return `handshakes ${this.#maxHandshakes}`;
    const obstacle = this.enter(remoteAddress);
    if (obstacle !== undefined) return obstacle;
    this.#underWay++;
    this.#handshakes.set(remoteAddress, (this.#handshakes.get(remoteAddress) ?? 0) + 1);
    return undefined;
  }

  /** The client's handshake, if it had one, is over, and its place is free: for itself, when it comes in now. */
  handshakeOver(remoteAddress: string): void {
    const count = this.#handshakes.get(remoteAddress);
    if (count === undefined) return;
    if (count > 1) this.#handshakes.set(remoteAddress, count - 1);
    else this.#handshakes.delete(remoteAddress);
    this.#underWay--;
    this.leave(remoteAddress);
  }

  #countsByAddress(remoteAddress: string): boolean {
    return this.#maxPerAddress > 0 && hasAddress(remoteAddress);
  }
}

/** The application's own members, and clients on Unix sockets, have no address. */
function hasAddress(remoteAddress: string): boolean {
  return remoteAddress.includes(":");
}

/** The address in `address:port`. An IPv4 address that came in over an IPv6 listener counts as what it is. */
export function ipAddressOf(remoteAddress: string): string {
  const address = remoteAddress.slice(0, remoteAddress.lastIndexOf(":")).replace(/^\[|\]$/g, "");
  return address.replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i, "");
}
