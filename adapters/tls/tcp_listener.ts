/**
 * The TCP listener below a TLS listener, on `node:net`. It recovers from the limit of open files, on Deno too.
 *
 * @module
 */

import { createServer, type Socket as NetSocket } from "node:net";
import { clearInterval, setInterval } from "node:timers";
import type { ListeningSocket, Registry, SharePort } from "../../src/contract/adapter.ts";
import type { NetworkAddress } from "../../src/contract/address.ts";
import { boundAddress, startServer } from "../shared/node_server.ts";
import { SOCKET_OPTIONS } from "../shared/node_socket.ts";
import { deno, normalize } from "../types/deno.ts";
import { onDeno } from "../shared/which.ts";

/** How often a listener on Deno checks for free descriptors, in milliseconds; it also checks at each connection. */
const LOOK = 1000;

/** Opens one address, and calls `arrived` with each connection. */
export async function openTcp(
  address: NetworkAddress,
  registry: Pick<Registry, "acceptFailed">,
  arrived: (raw: NetSocket) => void,
  share?: SharePort,
): Promise<ListeningSocket> {
  let look = (): void => {};
  // A client that ends its half during the handshake has left. Only later do both halves end separately, see overTls.
  const server = createServer({ ...SOCKET_OPTIONS, allowHalfOpen: false }, (raw) => {
    look();
    arrived(raw);
  });
  const fail = (error: Error): void => void registry.acceptFailed(error);
  await startServer(server, address, share);
  server.on("error", fail);
  const opened = boundAddress(server, address);
  if (!onDeno) return { address: opened, close: () => Promise.resolve(void server.close()) };

  let open = true;
  let reopening: Promise<void> | undefined;
  look = (): void => {
    const error = open && !reopening ? shortage(opened) : undefined;
    if (error) reopening = reopen(error).finally(() => reopening = undefined);
  };
  const reopen = async (error: Error): Promise<void> => {
    for (let missing: Error | undefined = error; open && missing;) {
      await registry.acceptFailed(missing);
      missing = shortage(opened);
      if (!open || missing) continue;
      server.off("error", fail).close();
      try {
        await startServer(server, opened, share && "join");
      } catch (reason) {
        missing = reason as Error;
      }
      server.on("error", fail);
    }
    if (!open) server.close();
  };
  const timer = setInterval(() => look(), LOOK);
  timer.unref?.();
  return {
    address: opened,
    async close() {
      open = false;
      clearInterval(timer);
      server.close();
      await reopening;
    },
  };
}

/**
 * The error of a process without free descriptors; `undefined` when there are some. At the limit of open files Deno's
 * `node:net` stops accepting forever, without an event (measured, 2.9.5), so the listener is opened anew afterwards.
 * The check opens the listener's own address again: that needs no further permission, and while there are descriptors it
 * fails because the address is in use.
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
