/**
 * Listening and connecting: which way an address goes, the same on the three runtimes. TLS, Unix sockets, host names,
 * WebSocket, HTTP and connecting are loaded with their first use.
 *
 * @module
 */

import type { Socket as NetSocket } from "node:net";
import type { Adapter, ListeningSocket, Registry, SharePort } from "../../src/contract/adapter.ts";
import type { Address, NetworkAddress, UnixAddress } from "../../src/contract/address.ts";
import { listenAt } from "./listen_at.ts";
import { offerPlain } from "./node_socket.ts";

/** How a runtime opens listeners and connections in the clear. */
export interface Transports {
  /** Opens one address of a host. */
  listenTcp(address: NetworkAddress, registry: Registry, share: SharePort | undefined): Promise<ListeningSocket>;
  /** Opens a Unix socket at `path`. */
  listenUnix(path: string, address: UnixAddress, registry: Registry): Promise<ListeningSocket>;
  /** Offers a connection that `node:net` has made in a better way than as it is. Returns whether there is one. */
  offer?(socket: NetSocket, address: Address, registry: Registry): boolean;
  /** The time of the adapter. */
  readonly clock: Pick<Adapter, "after">;
}

/** Makes `listen`, `listenHttp`, `connect` and `connectWebSocket` of an adapter. */
export function overTransports(
  { listenTcp, listenUnix, offer, clock }: Transports,
): Pick<Adapter, "listen" | "listenHttp" | "processInfo" | "connect" | "connectWebSocket"> {
  return {
    async processInfo() {
      return (await import("./process_info.ts")).processInfo();
    },
    async listenHttp(address, options) {
      return await (await import("../http/http_server.ts")).listenHttp(address, options);
    },
    async connectWebSocket(url, registry, options) {
      const { overWebSocket } = await import("./websocket.ts");
      await overWebSocket(clock).connectWebSocket(url, registry, options);
    },
    async listen(address, registry, options = {}) {
      const { sharePort: share } = options;
      try {
        if (share !== undefined) (await import("./share_port.ts")).checkSharing(address.transport);
        if (address.transport === "unix") {
          const { bindUnix } = await import("./unix_socket.ts");
          return await bindUnix(address, options.unixMode, (path) => listenUnix(path, address, registry));
        }
        if (address.transport === "tls") {
          return await (await import("../tls/tls.ts")).listenOverTls(address, registry, options);
        }
        return await listenAt(address, (one) => listenTcp(one, registry, share));
      } catch (error) {
        throw await (await import("./cluster.ts")).adviseWorker(error);
      }
    },
    async connect(address, registry, options = {}) {
      if (address.transport === "tls") {
        return await (await import("../tls/tls.ts")).connectOverTls(address, registry, options);
      }
      const { dial } = await import("./node_dial.ts");
      // Through `node:net`: the runtimes' own functions cannot be canceled (Bun), or give no keepalive (Deno).
      const connected = (socket: NetSocket): void => {
        if (!offer?.(socket, address, registry)) offerPlain(socket, address, registry);
      };
      if (address.transport !== "unix") return await dial(address, options, connected);
      const { dialUnix } = await import("./unix_socket.ts");
      await dialUnix(address, options.signal, (path) => dial({ path }, options, connected));
    },
  };
}
