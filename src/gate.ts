/**
 * The gate: who may come in.
 *
 * @module
 */

import type { ResolvedOptions } from "./options.ts";

/** Counts the connections, in all and by remote address, and says which newcomer is one too many. */
export class Gate {
  readonly #options: ResolvedOptions;
  readonly #byAddress: Map<string, number> = new Map();
  #inside = 0;

  /** A gate with nobody inside. */
  constructor(options: ResolvedOptions) {
    this.#options = options;
  }

  /** Lets the peer in, or says which limit keeps it out, as `name value`. */
  enter(peer: string): string | undefined {
    const { maxConnections, maxConnectionsPerAddress } = this.#options;
    if (this.#inside >= maxConnections) return `maxConnections ${maxConnections}`;
    if (maxConnectionsPerAddress > 0) {
      const address = remoteAddress(peer);
      const count = this.#byAddress.get(address) ?? 0;
      if (count >= maxConnectionsPerAddress) return `maxConnectionsPerAddress ${maxConnectionsPerAddress}`;
      this.#byAddress.set(address, count + 1);
    }
    this.#inside++;
    return undefined;
  }

  /** A peer that was let in has gone. */
  leave(peer: string): void {
    this.#inside--;
    if (this.#options.maxConnectionsPerAddress === 0) return;
    const address = remoteAddress(peer);
    const count = this.#byAddress.get(address) ?? 0;
    if (count > 1) this.#byAddress.set(address, count - 1);
    else this.#byAddress.delete(address);
  }
}

/** The address in `address:port`. An IPv4 address that came in over an IPv6 door counts as what it is. */
export function remoteAddress(peer: string): string {
  const address = peer.slice(0, peer.lastIndexOf(":")).replace(/^\[|\]$/g, "");
  return address.replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i, "");
}
