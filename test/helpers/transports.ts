/**
 * The ways in which bytes travel, for tests that do the same with each: how a listener is opened, a connection, a raw client.
 *
 * @module
 */

import { mkdtempSync, rmSync } from "node:fs";
import { connect as netConnect, type Socket as NetSocket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { connect as tlsConnect } from "node:tls";
import type { Adapter, DialOptions, ListenOptions } from "../../src/contract/adapter.ts";
import type { Address } from "../../src/contract/address.ts";
import { onDeno } from "../../adapters/shared/which.ts";
import { handleOf } from "../../adapters/tls/tls.ts";
import { makeAuthority } from "./certificates.ts";

/** How bytes travel. */
export interface Transport {
  readonly name: Address["transport"];
  /** Where a new listener is opened. Only a network has hosts and ports. */
  readonly address: (host: string, port: number) => Address;
  /** What a listener needs besides. */
  readonly listener?: ListenOptions;
  /** What a connection needs besides. */
  readonly dial?: DialOptions;
  /** A connection that is none of the adapter's: the stream, and the socket below it, which is connected first. */
  readonly raw: (below: NetSocket) => NetSocket;
}

const OPTIONS = { allowHalfOpen: true, noDelay: true } as const;

/** Opens a socket of `node:net` to wherever an address is. */
export function plainSocket(address: Address): NetSocket {
  const where = address.transport === "unix" ? { path: address.path } : { host: address.host, port: address.port };
  return netConnect({ ...where, ...OPTIONS });
}

/**
 * Lets a socket over TLS read nothing while it is paused, or nobody listens yet: on Deno it reads on without bound; see
 * adapters/tls/tls.ts.
 */
export function pausing<Socket extends NetSocket>(socket: Socket, below: NetSocket): Socket {
  if (!onDeno) return socket;
  const { stop, go } = handleOf(below);
  socket.once("secureConnect", () => {
    if (!socket.readableFlowing) stop();
  });
  return socket.on("pause", stop).on("resume", go);
}

/** In the clear. */
export const OVER_TCP: Transport = {
  name: "tcp",
  address: (host, port) => ({ transport: "tcp", host, port }),
  raw: (below) => below,
};

/** Over TLS, with certificates of its own. */
export async function overTls(): Promise<Transport> {
  const authority = await makeAuthority("an authority of the tests");
  const { cert: ca } = authority;
  return {
    name: "tls",
    address: (host, port) => ({ transport: "tls", host, port }),
    listener: { tls: await authority.issue() },
    dial: { tls: { ca } },
    raw: (below) => pausing(tlsConnect({ socket: below, ca, servername: "localhost", ...OPTIONS }), below),
  };
}

/** Through Unix sockets, in a directory that is removed when the process ends. */
export function overUnix(): Transport {
  const directory = mkdtempSync(join(tmpdir(), "mobcast-"));
  const remove = (): void => rmSync(directory, { recursive: true, force: true });
  // Under `deno test` there is no "exit".
  if ("Deno" in globalThis) (globalThis as unknown as EventTarget).addEventListener("unload", remove);
  else process.on("exit", remove);
  let count = 0;
  return {
    name: "unix",
    address: () => ({ transport: "unix", path: join(directory, `${++count}.sock`) }),
    raw: (below) => below,
  };
}

/** The adapter, with what this transport needs added to every call. */
export function through(transport: Transport, adapter: Adapter): Adapter {
  return {
    ...adapter,
    listen: (address, registry, options) => adapter.listen(address, registry, { ...transport.listener, ...options }),
    connect: (address, registry, options) => adapter.connect(address, registry, { ...transport.dial, ...options }),
  };
}
