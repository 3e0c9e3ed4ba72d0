/**
 * The adapter for Node, on `node:net`.
 *
 * @module
 */

import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import type { Adapter, ListeningSocket, Registry, SharePort } from "../src/contract/adapter.ts";
import type { Address, NetworkAddress, UnixAddress } from "../src/contract/address.ts";
import { connectionsThatFit } from "./shared/file_limit.ts";
import { eventLoop } from "./shared/event_loop.ts";
import { overTransports } from "./shared/listen.ts";
import { boundAddress, startServer, type Where } from "./shared/node_server.ts";
import { offerPlain, SOCKET_OPTIONS } from "./shared/node_socket.ts";

// --- socket ---

// It is in shared/node_socket.ts, since TLS uses it on Bun and Deno too.

// --- listen ---

function listenTcp(
  address: NetworkAddress,
  registry: Registry,
  share: SharePort | undefined,
): Promise<ListeningSocket> {
  return open(address, address, registry, share);
}

function listenUnix(path: string, address: UnixAddress, registry: Registry): Promise<ListeningSocket> {
  return open({ path }, address, registry);
}

async function open(
  where: Where,
  address: Address,
  registry: Registry,
  share?: SharePort,
): Promise<ListeningSocket> {
  const server = createServer(SOCKET_OPTIONS, (socket) => offerPlain(socket, address, registry));
  await startServer(server, where, share);
  // libuv handles failing accepts itself; an error here never ends the listener.
  server.on("error", (error) => void registry.acceptFailed(error));
  // close() frees the address at once; its callback would wait for the connections.
  return { address: boundAddress(server, address), close: () => Promise.resolve(void server.close()) };
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
  return {
    name: "node",
    capacity: connectionsThatFit((path) => readFileSync(path, "utf8")),
    ...overTransports({ listenTcp, listenUnix, clock: eventLoop }),
    ...eventLoop,
  };
}
