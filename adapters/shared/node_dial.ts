/**
 * Connecting through `node:net`: on Node, and over TCP on Bun, whose own connect cannot be canceled.
 *
 * @module
 */

import { connect as connectSocket, type Socket as NetSocket } from "node:net";
import { onAbort } from "../../src/contract/abort.ts";
import type { DialOptions, Registry } from "../../src/contract/adapter.ts";
import { type Address, type NetworkAddress, UNIX_REMOTE } from "../../src/contract/address.ts";
import { offer, remoteAddressOf, SOCKET_OPTIONS } from "./node_socket.ts";

/** Offers a connection that is not over TLS. */
export function offerPlain(socket: NetSocket, address: Address, registry: Registry): void {
  if (address.transport === "tcp") {
    offer(registry, socket, remoteAddressOf(socket), { reset: () => void socket.resetAndDestroy() });
  } // A Unix socket has no reset and needs none: closing it frees what the client has not read.
  else offer(registry, socket, UNIX_REMOTE, { reset: () => void socket.destroy() });
}

/**
 * Connects over TCP or to a Unix socket. `connected` gets the socket before anything of it is read. When the signal aborts,
 * nothing is left of it.
 */
export async function dial(
  where: NetworkAddress | { readonly path: string },
  { signal }: DialOptions,
  connected: (socket: NetSocket) => void,
): Promise<void> {
  signal?.throwIfAborted();
  const socket = connectSocket({ ...where, ...SOCKET_OPTIONS });
  await unlessAborted(signal, () => socket.destroy(new Error("aborted")), (resolve, reject) => {
    socket.once("error", reject);
    socket.once("connect", () => {
      socket.off("error", reject);
      connected(socket);
      resolve();
    });
  });
}

/** Waits for `work`, which `stop` makes reject when the signal aborts: then it rejects with the signal's reason. */
export async function unlessAborted(
  signal: AbortSignal | undefined,
  stop: () => void,
  work: (resolve: () => void, reject: (error: Error) => void) => void,
): Promise<void> {
  const ignoreSignal = signal && onAbort(signal, stop);
  try {
    await new Promise<void>(work);
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  } finally {
    ignoreSignal?.();
  }
}
