/**
 * The gate: who may come in.
 *
 * @module
 */

import { logger } from "./logger.ts";
import type { ResolvedOptions } from "./options.ts";

/** Counts the connections, in all and by remote address, and says which newcomer is one too many. */
export class Gate {
  readonly #maxConnections: number;
  readonly #maxPerAddress: number;
  readonly #byAddress: Map<string, number> = new Map();
  #inside = 0;

  /**
   * A gate with nobody inside. `capacity` is how many connections the process can have open, if that is known: the
   * gate lets in no more, and says so now rather than when the descriptors run out.
   */
  constructor(options: ResolvedOptions, capacity: number | undefined) {
    const { maxConnections, maxConnectionsPerAddress } = options;
    this.#maxPerAddress = maxConnectionsPerAddress;
    this.#maxConnections = Math.min(maxConnections, capacity ?? Infinity);
    if (this.#maxConnections === maxConnections) return;
    logger.warning("maxConnections {maxConnections} does not fit under the limit of open files, using {capacity}", {
      maxConnections,
      capacity,
    });
  }

  /** Lets the peer in, or says which limit keeps it out, as `name value`. */
  enter(peer: string): string | undefined {
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

  /** The application's own members have no address. */
  #countsByAddress(peer: string): boolean {
    return this.#maxPerAddress > 0 && peer.includes(":");
  }
}

/** The address in `address:port`. An IPv4 address that came in over an IPv6 door counts as what it is. */
export function remoteAddress(peer: string): string {
  const address = peer.slice(0, peer.lastIndexOf(":")).replace(/^\[|\]$/g, "");
  return address.replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i, "");
}
