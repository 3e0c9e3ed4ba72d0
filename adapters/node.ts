/**
 * The adapter for Node, on `node:net`.
 *
 * @module
 */

import { createServer, type Server } from "node:net";
import type { Adapter, DialOptions, ListeningSocket, ListenOptions, Registry } from "../src/contract/adapter.ts";
import type { Address, UnixAddress } from "../src/contract/address.ts";
import { connectionsThatFit } from "./shared/file_limit.ts";
import { eventLoop } from "./shared/event_loop.ts";
import { listenWith } from "./shared/listen.ts";
import { dial, offerPlain } from "./shared/node_dial.ts";
import { BACKLOG, SOCKET_OPTIONS } from "./shared/node_socket.ts";

// --- socket ---

// It is in shared/node_socket.ts, since TLS uses it on Bun and Deno too.

// --- listen ---

const listen: Adapter["listen"] = listenWith({
  tcp: (address, registry) => open({ host: address.host, port: address.port }, address, registry),
  unix: listenUnix,
});

async function listenUnix(
  address: UnixAddress,
  registry: Registry,
  { unixMode }: ListenOptions,
): Promise<ListeningSocket> {
  const { bindUnix } = await import("./shared/unix_socket.ts");
  const bind = (path: string): Promise<ListeningSocket> => open({ path }, address, registry);
  const { bound, close } = await bindUnix(address, unixMode, bind, (listener) => listener.close());
  return { address, close: () => close(() => bound.close()) };
}

/** A port or a path, as `node:net` opens it. */
type Where = { readonly host: string; readonly port: number } | { readonly path: string };

function open(where: Where, address: Address, registry: Registry): Promise<ListeningSocket> {
  return new Promise((resolve, reject) => {
    const server = createServer(SOCKET_OPTIONS, (socket) => offerPlain(socket, address, registry));
    server.once("error", reject);
    // Exclusive: otherwise the workers of a cluster share the address, each with a mob of its own.
    server.listen({ ...where, backlog: BACKLOG, exclusive: true }, () => {
      server.off("error", reject);
      // libuv handles failing accepts itself; an error here never ends the listener.
      server.on("error", (error) => void registry.acceptFailed(error));
      // close() frees the address at once; its callback would wait for the connections.
      resolve({ address: opened(address, server), close: () => Promise.resolve(void server.close()) });
    });
  });
}

function opened(address: Address, server: Server): Address {
  if (address.transport === "unix") return address;
  const bound = server.address();
  return bound !== null && typeof bound === "object" ? { ...address, host: bound.address, port: bound.port } : address;
}

// --- connect ---

async function connect(address: Address, registry: Registry, options: DialOptions = {}): Promise<void> {
  if (address.transport === "tls") {
    return await (await import("./tls/tls.ts")).connectOverTls(address, registry, options);
  }
  await dial(address, registry, options);
}

// --- adapter ---

/**
 * The adapter for Node.
 *
 * @example
 * ```ts
 * import { Mob } from "mobcast";
 * import { nodeAdapter } from "mobcast/node";
 *
 * const mob = new Mob(nodeAdapter());
 * console.log(await mob.listen("tcp://127.0.0.1:0"));
 * await mob.close();
 * ```
 */
export function nodeAdapter(): Adapter {
  return { name: "node", capacity: connectionsThatFit(), listen, connect, ...eventLoop };
}
