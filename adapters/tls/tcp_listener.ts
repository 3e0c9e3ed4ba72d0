/**
 * The TCP listener below a TLS listener, on `node:net`. It recovers from the limit of open files, on Deno too.
 *
 * @module
 */

import { createServer, type Server, type Socket as NetSocket } from "node:net";
import { clearInterval, setInterval } from "node:timers";
import type { ListeningSocket, Registry, SharePort } from "../../src/contract/adapter.ts";
import type { NetworkAddress } from "../../src/contract/address.ts";
import { BACKLOG, boundAddress, startServer } from "../shared/node_server.ts";
import { SOCKET_OPTIONS } from "../shared/node_socket.ts";
import { deno, normalize } from "../types/deno.ts";
import { onDeno } from "../shared/which.ts";

/** How often a listener on Deno accepts again whatever has happened, and checks for free descriptors, in milliseconds. */
const LOOK = 1000;

/** Opens one address, and calls `arrived` with each connection. */
export async function openTcp(
  address: NetworkAddress,
  registry: Pick<Registry, "acceptFailed">,
  arrived: (raw: NetSocket) => void,
  share?: SharePort,
): Promise<ListeningSocket> {
  // A client that ends its half during the handshake has left. Only later do both halves end separately, see overTls.
  const server = createServer({ ...SOCKET_OPTIONS, allowHalfOpen: false }, arrived);
  await startServer(server, address, share);
  server.on("error", (error) => void registry.acceptFailed(error));
  const opened = boundAddress(server, address);
  const stop = onDeno ? keepAccepting(server, opened, registry) : () => {};
  return {
    address: opened,
    close() {
      stop();
      return Promise.resolve(void server.close());
    },
  };
}

/**
 * At the limit of open files `node:net` of Deno stops accepting forever, without an event (measured, 2.9.0 to 2.9.6), so
 * the listener accepts again whenever a descriptor may be free: when one of its connections has gone, and every second. What
 * the kernel has connected meanwhile waits, as on the other runtimes. Returns what ends it.
 */
function keepAccepting(server: Server, opened: NetworkAddress, registry: Pick<Registry, "acceptFailed">): () => void {
  server.on("connection", (raw: NetSocket) => void raw.once("close", () => acceptAgain(server)));
  let telling = false;
  const timer = setInterval(() => {
    acceptAgain(server);
    const error = telling ? undefined : shortage(opened);
    if (!error) return;
    telling = true;
    void registry.acceptFailed(error).finally(() => telling = false);
  }, LOOK);
  timer.unref?.();
  return () => clearInterval(timer);
}

/** To listen once more makes Deno look for connections; the socket stays the same, and no system call is made. */
function acceptAgain(server: Server): void {
  (server as unknown as { _handle: { listen?(backlog: number): number } | null })._handle?.listen?.(BACKLOG);
}

/**
 * The error of a process without free descriptors; `undefined` when there are some. The check opens the listener's own
 * address again: that needs no further permission, and while there are descriptors it fails because the address is in use.
 */
function shortage({ host, port }: NetworkAddress): Error | undefined {
  try {
    deno().listen({ hostname: host, port, tcpBacklog: 1 }).close();
  } catch (error) {
    const { code } = normalize(error as Error) as { code?: string };
    if (code === "EMFILE" || code === "ENFILE") return error as Error;
  }
  return undefined;
}
