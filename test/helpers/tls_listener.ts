/**
 * Listeners over TLS on the runtime at hand, and raw clients of them.
 *
 * @module
 */

import { test } from "node:test";
import { connect as netConnect, type Socket as NetSocket } from "node:net";
import { assertEquals } from "@std/assert";
import { runtimeAdapter } from "../../adapters/runtime.ts";
import { listenOverTls, type TlsOverrides } from "../../adapters/tls/tls.ts";
import type { Adapter, ListeningSocket } from "../../src/contract/adapter.ts";
import type { NetworkAddress } from "../../src/contract/address.ts";
import type { ServerTls } from "../../src/contract/tls.ts";
import { type Authority, makeAuthority, type Pair } from "./certificates.ts";
import { listsOf } from "./lists.ts";
import { Recorder } from "./recording_registry.ts";
import { asked, Bell } from "./wait.ts";

/** The adapter of the runtime at hand. */
export const adapter: Adapter = await runtimeAdapter();

/** What signs the certificates. */
export const authority: Authority = await makeAuthority("an authority");
export const ca: string = authority.cert;
export const server: Pair = await authority.issue();
export const clientPair: Pair = await authority.issue({ usage: "client" });

/** Where a new listener is opened. */
export const ANYWHERE = { transport: "tls", host: "127.0.0.1", port: 0 } as const;

/** A listener, the connections it accepted, and those it refused. */
export interface Listener {
  readonly registry: Recorder;
  readonly listener: ListeningSocket;
  readonly port: number;
}

/** Runs a test with a listener of its own, which is closed afterwards. */
export async function withListener(
  tls: ServerTls,
  surroundings: TlsOverrides,
  run: (listener: Listener) => Promise<void>,
): Promise<void> {
  const registry = new Recorder(new Bell());
  const { made: listener, sizes } = await listsOf(() => listenOverTls(ANYWHERE, registry, { tls }, surroundings));
  try {
    await run({ registry, listener, port: (listener.address as NetworkAddress).port });
    // No list holds anything of a handshake that is over.
    const left = (): number => Object.values(sizes()).reduce((sum, size) => sum + size, 0);
    assertEquals(
      [await asked(left, (count) => count === 0), Object.keys(sizes()).length > 2],
      [0, true],
      JSON.stringify(sizes()),
    );
  } finally {
    for (const link of registry.links) link.close();
    await listener.close();
  }
  assertEquals(registry.violations, []);
}

/** One case. */
export function case_(fact: string, run: () => Promise<void>, timeout = 30_000): void {
  test(`tls: ${fact}`, { timeout }, run);
}

/** A plain socket to a listener, connected. What goes wrong with it is of no interest. */
export function plain(port: number): Promise<NetSocket> {
  return new Promise((resolve, reject) => {
    const socket = netConnect({ host: "127.0.0.1", port, noDelay: true }, () => resolve(socket));
    socket.on("error", reject);
  });
}

/** Waits until a socket is closed. */
export function closed(socket: NetSocket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.closed) return resolve();
    socket.resume().once("close", () => resolve());
  });
}
