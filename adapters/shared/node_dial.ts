/**
 * Connecting through `node:net`: on Node, and over TCP on Bun, whose own connect cannot be canceled.
 *
 * @module
 */

import { connect as connectSocket, type Socket as NetSocket } from "node:net";
import { onAbort } from "../../src/contract/abort.ts";
import type { DialOptions } from "../../src/contract/adapter.ts";
import type { NetworkAddress } from "../../src/contract/address.ts";
import { SOCKET_OPTIONS } from "./node_socket.ts";

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
