/**
 * The gate: who may come in.
 *
 * @module
 */

import { Access } from "./access.ts";
import { logger } from "./logger.ts";
import type { ResolvedOptions } from "./options.ts";

/** Asks where newcomers come from, counts who is in, in all and by remote address, and says who is one too many. */
export class Gate {
  readonly #access: Access;
  readonly #maxConnections: number;
  readonly #maxPerAddress: number;
  /**
   * Handshakes that may be under way. They take up to half of the places, so that those that never end, ten seconds
   * each, leave the other half to whoever comes in without one; `maxConnectionsPerAddress` bounds them for one address.
   */
  readonly #maxHandshakes: number;
  readonly #byAddress: Map<string, number> = new Map();
  /**
   * Handshakes under way, by peer. One that is at two doors from the same port is one name: whichever comes in first
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
    this.#access = new Access(allow, deny);
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

  /** Lets the peer in, or says what keeps it out: a list, or a limit as `name value`. */
  enter(peer: string): string | undefined {
    const denied = hasAddress(peer) ? this.#access.refuses(remoteAddress(peer)) : undefined;
    if (denied !== undefined) return denied;
    if (this.#inside >= this.#maxConnections) return `maxConnections ${this.#maxConnections}`;
    if (this.#countsByAddress(peer)) {
      const address = remoteAddress(peer);
      const count = this.#byAddress.get(address) ?? 0;
      if (count >= this.#maxPerAddress) return `maxConnectionsPerAddress ${this.#maxPerAddress}`;
      this.#byAddress.set(address, count + 1);
    }
    this.#inside++;
    return undefined;
  }

  /** A peer that was let in has gone. */
  leave(peer: string): void {
    this.#inside--;
    if (!this.#countsByAddress(peer)) return;
    const address = remoteAddress(peer);
    const count = this.#byAddress.get(address) ?? 0;
    if (count > 1) this.#byAddress.set(address, count - 1);
    else this.#byAddress.delete(address);
  }

  /** Lets the peer begin a handshake, which takes a place as a connection does; or says what keeps it out. */
  knock(peer: string): string | undefined {
    if (this.#underWay >= this.#maxHandshakes) return `handshakes ${this.#maxHandshakes}`;
    const obstacle = this.enter(peer);
    if (obstacle !== undefined) return obstacle;
    this.#underWay++;
    this.#handshakes.set(peer, (this.#handshakes.get(peer) ?? 0) + 1);
    return undefined;
  }

  /** The peer's handshake, if it had one, is over, and its place is free: for itself, when it comes in now. */
  handshakeOver(peer: string): void {
    const count = this.#handshakes.get(peer);
    if (count === undefined) return;
    if (count > 1) this.#handshakes.set(peer, count - 1);
    else this.#handshakes.delete(peer);
    this.#underWay--;
    this.leave(peer);
  }

  #countsByAddress(peer: string): boolean {
    return this.#maxPerAddress > 0 && hasAddress(peer);
  }
}

/** The application's own members, and peers on Unix sockets, have no address. */
function hasAddress(peer: string): boolean {
  return peer.includes(":");
}

/** The address in `address:port`. An IPv4 address that came in over an IPv6 door counts as what it is. */
export function remoteAddress(peer: string): string {
  const address = peer.slice(0, peer.lastIndexOf(":")).replace(/^\[|\]$/g, "");
  return address.replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i, "");
}
