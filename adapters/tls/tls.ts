/**
 * Listeners and connections over TLS, on `node:tls`: the same code on Node, Bun and Deno. What the runtimes have besides is
 * not used: `Deno.listenTls` ignores client certificates without a word, and `Bun.listen` announces connections before
 * their handshake is done (measured, 2.9.5 and 1.4.5).
 *
 * @module
 */

import { connect as connectTcp, isIP, type Socket as NetSocket } from "node:net";
import { checkServerIdentity, connect as startTls, createServer, type TLSSocket } from "node:tls";
import { onAbort } from "../../src/contract/abort.ts";
import type { DialOptions, ListeningSocket, ListenOptions, Registry } from "../../src/contract/adapter.ts";
import type { NetworkAddress } from "../../src/contract/address.ts";
import { HANDSHAKE_TIMEOUT, type ServerTls } from "../../src/contract/tls.ts";
import { checked } from "./pem.ts";
import { Handshakes, leftError } from "./handshakes.ts";
import { listenEverywhere } from "../shared/names.ts";
import { offer, remoteAddressOf, SOCKET_OPTIONS, type Wire } from "../shared/node_socket.ts";
import { checkThatClientsNeedCertificates } from "./client_certificate_check.ts";
import { openTcp } from "./tcp_listener.ts";

/** What a test puts in the place of the real thing. */
export interface TlsOverrides {
  /** How long a handshake may take, in milliseconds. Default 10 000. */
  readonly handshakeTimeout?: number;
  /** What makes servers. Default: that of `node:tls`. */
  readonly createServer?: typeof createServer;
}

/** How a connection over TLS is dropped, and stopped. */
function overTls(socket: TLSSocket, raw: NetSocket): Wire {
  socket.allowHalfOpen = raw.allowHalfOpen = SOCKET_OPTIONS.allowHalfOpen;
  return {
    // `drain` comes only after more than a few KiB, and what that is cannot be set on a socket over TLS.
    answersWrites: true,
    reset() {
      raw.resetAndDestroy();
      // Bun needs this now, or the reset may never go out. Node crashes when its socket over TLS goes before the one below.
      if ("Bun" in globalThis) socket.destroy();
      else raw.once("close", () => socket.destroy());
    },
    ...("Deno" in globalThis && { flow: handleOf(raw) }),
  };
}

/** Deno reads on without bound behind a paused socket over TLS, 40 MB in a second (measured, 2.9.5). */
function handleOf(raw: NetSocket): { stop(): void; go(): void } {
  const owner = raw as unknown as { _handle: { readStop(): void; readStart(): void } | null };
  return { stop: () => owner._handle?.readStop(), go: () => owner._handle?.readStart() };
}

// --- listen ---

/**
 * Opens a listener over TLS. A connection is offered to `registry` when its handshake is done and, with `ca`, when its
 * certificate is one that the authority has signed for clients. Rejects when the certificates do not fit, and when this
 * runtime would let clients without a certificate in.
 */
export async function listenOverTls(
  address: NetworkAddress,
  registry: Registry,
  options: ListenOptions,
  surroundings: TlsOverrides = {},
): Promise<ListeningSocket> {
  const { handshakeTimeout = HANDSHAKE_TIMEOUT } = surroundings;
  let handshakes = await makeHandshakes(options.tls, surroundings);
  const listener = await listenEverywhere(address, (one) => openTls(one, registry, () => handshakes, handshakeTimeout));
  return {
    ...listener,
    // A server of its own for those who come from now on: unlike `setSecureContext` this can also begin, or cease, to ask
    // for client certificates. What was resumable with the old authority is not with the new one: on Deno since
    // `Handshakes` takes no session where a certificate is needed.
    async reload(tls) {
      handshakes = await makeHandshakes(tls, surroundings);
    },
  };
}

/** Opens one address; `handshakes` are those of the certificates at the time. */
async function openTls(
  address: NetworkAddress,
  registry: Registry,
  handshakes: () => Handshakes,
  handshakeTimeout: number,
): Promise<ListeningSocket> {
  const knocking = new Set<() => void>();
  const listener = await openTcp(address, registry, (raw) => {
    // Deno does not do it for the server's option.
    raw.setKeepAlive(SOCKET_OPTIONS.keepAlive, SOCKET_OPTIONS.keepAliveInitialDelay);
    const remoteAddress = remoteAddressOf(raw);
    if (registry.handshakeStarted?.(remoteAddress) === false) return raw.on("error", () => {}).destroy();
    const leave = handshakes().begin(raw, handshakeTimeout, (outcome) => {
      knocking.delete(leave);
      if (outcome instanceof Error) registry.handshakeFailed?.(remoteAddress, outcome);
      else offer(registry, outcome, remoteAddress, overTls(outcome, raw));
    });
    knocking.add(leave);
  });
  return {
    address: listener.address,
    close() {
      const closed = listener.close();
      for (const leave of [...knocking]) leave();
      return closed;
    },
  };
}

async function makeHandshakes(tls: ServerTls | undefined, surroundings: TlsOverrides): Promise<Handshakes> {
  if (tls === undefined) throw new TypeError("it needs tls: { cert, key }");
  const handshakes = new Handshakes(checked(tls, "listener"), surroundings.createServer ?? createServer);
  if (tls.ca !== undefined) await checkThatClientsNeedCertificates(handshakes);
  return handshakes;
}

// --- connect ---

/**
 * Opens a connection over TLS: `registry.accept` gets it when the server's certificate is one that `ca`, or the runtime,
 * trusts, and has the name of the host, or `servername`. A server that refuses our own certificate says so later, in
 * TLS 1.3 at least: reading shows it.
 */
export async function connectOverTls(address: NetworkAddress, registry: Registry, options: DialOptions): Promise<void> {
  const { signal, tls = {} } = options;
  signal?.throwIfAborted();
  const certificates = checked(tls, "client");
  // A scope, as in fe80::1%eth0, is no part of the name.
  const name = tls.servername ?? address.host.replace(/%.*$/, "");
  const raw = connectTcp({ host: address.host, port: address.port, ...SOCKET_OPTIONS });
  let broken: (error: Error) => void = () => {};
  const ignoreSignal = signal && onAbort(signal, () => broken(new Error("aborted")));
  try {
    await new Promise<void>((resolve, reject) => {
      broken = reject;
      raw.on("error", (error) => broken(error));
      raw.once("close", () => broken(leftError()));
      raw.once("connect", () => {
        const remoteAddress = remoteAddressOf(raw);
        const socket = startTls({
          ...certificates,
          socket: raw,
          minVersion: "TLSv1.2",
          rejectUnauthorized: true,
          host: name,
          // An IP address is not sent as a name (RFC 6066, 3), and is checked like one.
          servername: isIP(name) === 0 ? name : "",
          checkServerIdentity: (_host, certificate) => checkServerIdentity(name, certificate),
        });
        const failed = (error: Error): void => broken(error);
        socket.on("error", failed);
        socket.once("secureConnect", () => {
          if (signal?.aborted) return;
          if (!socket.authorized) return broken(new Error("the server's certificate is not trusted"));
          socket.off("error", failed);
          broken = () => {};
          offer(registry, socket, remoteAddress, overTls(socket, raw));
          resolve();
        });
      });
    });
  } catch (error) {
    raw.destroy();
    signal?.throwIfAborted();
    throw error;
  } finally {
    ignoreSignal?.();
  }
}
