/**
 * Servers of `node:net`: on Node, and below TLS on all three runtimes.
 *
 * @module
 */

import type { Server } from "node:net";
import type { SharePort } from "../../src/contract/adapter.ts";
import type { Address, NetworkAddress } from "../../src/contract/address.ts";
import { onDeno } from "./which.ts";

/** More connections than this waiting to be accepted make the kernel drop SYNs: a stall of a second for each. */
export const BACKLOG = 4096;

/** A port of a host, or a path. */
export type Where = NetworkAddress | { readonly path: string };

/** Listens. Rejects with an error that has a code. */
export async function startServer(server: Server, where: Where, share?: SharePort): Promise<void> {
  if (share === undefined || "path" in where) return await listenExclusively(server, where);
  await (await import("./share_port.ts")).startShared(server, where, share);
}

/** Listens alone, or with `reusePort` beside others that have it too. */
export function listenExclusively(server: Server, where: Where & { readonly reusePort?: boolean }): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (error: Error & { code?: string }): void => {
      // For a host that cannot be resolved, or is not of this machine, Bun has no code and Deno that of a bad argument.
      const { code = "EADDRNOTAVAIL" } = error;
      reject(Object.assign(error, { code: onDeno && code === "EINVAL" ? "EADDRNOTAVAIL" : code }));
    };
    server.once("error", failed);
    // Exclusive: otherwise the workers of a cluster share the address, each with a mob of its own.
    server.listen({ ...where, backlog: BACKLOG, exclusive: true }, () => {
      server.off("error", failed);
      resolve();
    });
  });
}

/** The address that the server has got: for port 0 the system chooses one. */
export function boundAddress<Any extends Address>(server: Server, address: Any): Any {
  const bound = server.address();
  return bound !== null && typeof bound === "object" ? { ...address, host: bound.address, port: bound.port } : address;
}
