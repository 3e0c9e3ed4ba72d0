/**
 * The adapter for Node, on `node:net`.
 *
 * @module
 */

import { connect as connectSocket, createServer, type Server, type Socket as NetSocket } from "node:net";
import { onAbort } from "../src/contract/abort.ts";
import type { Adapter, DialOptions, ListeningSocket, ListenOptions, Registry } from "../src/contract/adapter.ts";
import { type Address, UNIX_REMOTE, type UnixAddress } from "../src/contract/address.ts";
import { adviseWorker } from "./shared/cluster.ts";
import { connectionsThatFit } from "./shared/file_limit.ts";
import { eventLoop } from "./shared/event_loop.ts";
import { listenEverywhere } from "./shared/names.ts";
import { BACKLOG, offer, remoteAddressOf, SOCKET_OPTIONS } from "./shared/node_socket.ts";

// --- socket ---

/** The socket is in shared/node_socket.ts, since TLS uses it on Bun and Deno too. */
function accept(socket: NetSocket, address: Address, registry: Registry): void {
  if (address.transport === "tcp") {
    offer(registry, socket, remoteAddressOf(socket), { reset: () => void socket.resetAndDestroy() });
  } // A Unix socket has no reset and needs none: closing it frees what the client has not read.
  else offer(registry, socket, UNIX_REMOTE, { reset: () => void socket.destroy() });
}

// --- listen ---

async function listen(address: Address, registry: Registry, options: ListenOptions = {}): Promise<ListeningSocket> {
  try {
    return await listenOn(address, registry, options);
  } catch (error) {
    throw await adviseWorker(error);
  }
}

async function listenOn(address: Address, registry: Registry, options: ListenOptions): Promise<ListeningSocket> {
  if (address.transport === "tls") {
    return await (await import("./tls/tls.ts")).listenOverTls(address, registry, options);
  }
  if (address.transport === "unix") return await listenUnix(address, registry, options);
  return await listenEverywhere(address, (one) => open({ host: one.host, port: one.port }, one, registry));
}

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
    const server = createServer(SOCKET_OPTIONS, (socket) => accept(socket, address, registry));
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
  const { signal } = options;
  const where: Where = address.transport === "unix"
    ? { path: (await import("./shared/unix_socket.ts")).systemPath(address) }
    : { host: address.host, port: address.port };
  signal?.throwIfAborted();
  const socket = connectSocket({ ...where, ...SOCKET_OPTIONS });
  const ignoreSignal = signal && onAbort(signal, () => void socket.destroy(new Error("aborted")));
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once("error", reject);
      socket.once("connect", () => {
        socket.off("error", reject);
        accept(socket, address, registry);
        resolve();
      });
    });
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  } finally {
    ignoreSignal?.();
  }
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
