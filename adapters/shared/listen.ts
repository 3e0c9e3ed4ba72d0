/**
 * Listening: which opener an address is for, the same on the three runtimes.
 *
 * @module
 */

import type { Adapter, ListeningSocket, ListenOptions, Registry } from "../../src/contract/adapter.ts";
import type { NetworkAddress, UnixAddress } from "../../src/contract/address.ts";
import { adviseWorker } from "./cluster.ts";
import { listenEverywhere } from "./names.ts";

/** How a runtime opens a listener in the clear. */
export interface Openers {
  /** Opens one address of a host. */
  tcp(address: NetworkAddress, registry: Registry): Promise<ListeningSocket>;
  /** Opens a Unix socket. */
  unix(address: UnixAddress, registry: Registry, options: ListenOptions): Promise<ListeningSocket>;
}

/** Makes the `listen` of an adapter. */
export function listenWith({ tcp, unix }: Openers): Adapter["listen"] {
  return async (address, registry, options = {}) => {
    try {
      if (address.transport === "tls") {
        return await (await import("../tls/tls.ts")).listenOverTls(address, registry, options);
      }
      if (address.transport === "unix") return await unix(address, registry, options);
      return await listenEverywhere(address, (one) => tcp(one, registry));
    } catch (error) {
      throw await adviseWorker(error);
    }
  };
}
