/**
 * Connecting through `node:net`: on Node, and over TCP on Bun, whose own connect cannot be canceled.
 *
 * @module
 */

import { connect as connectSocket, type Socket as NetSocket } from "node:net";
import { onAbort } from "../../src/contract/abort.ts";
import type { DialOptions, Registry } from "../../src/contract/adapter.ts";
import { type Address, UNIX_REMOTE } from "../../src/contract/address.ts";
import { offer, remoteAddressOf, SOCKET_OPTIONS } from "./node_socket.ts";

/** Offers a connection that is not over TLS. */
export function offerPlain(socket: NetSocket, address: Address, registry: Registry): void {
  if (address.transport === "tcp") {
    offer(registry, socket, remoteAddressOf(socket), { reset: () => void socket.resetAndDestroy() });
  } // A Unix socket has no reset and needs none: closing it frees what the client has not read.
  else offer(registry, socket, UNIX_REMOTE, { reset: () => void socket.destroy() });
}

/**
 * Connects over TCP, or to a Unix socket, and offers the connection with `offer`. When the signal aborts, nothing is left
 * of it.
 */
export async function dial(
  address: Address,
  registry: Registry,
  options: DialOptions = {},
  offer: typeof offerPlain = offerPlain,
): Promise<void> {
  const connected = (socket: NetSocket): void => offer(socket, address, registry);
  if (address.transport !== "unix") {
    return await dialOnce({ host: address.host, port: address.port }, options, connected);
  }
  const { dialUnix } = await import("./unix_socket.ts");
  await dialUnix(address, options.signal, (path) => dialOnce({ path }, options, connected));
}

/** Connects once. `connected` gets the socket before anything of it is read. */
async function dialOnce(
  where: { readonly host: string; readonly port: number } | { readonly path: string },
  { signal }: DialOptions,
  connected: (socket: NetSocket) => void,
): Promise<void> {
  signal?.throwIfAborted();
  const socket = connectSocket({ ...where, ...SOCKET_OPTIONS });
  const ignoreSignal = signal && onAbort(signal, () => void socket.destroy(new Error("aborted")));
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once("error", reject);
      socket.once("connect", () => {
        socket.off("error", reject);
        connected(socket);
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
