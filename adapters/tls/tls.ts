/**
 * Listeners and connections over TLS, on `node:tls`: the same code on Node, Bun and Deno. The runtimes' own functions are not
 * used: `Deno.listenTls` silently ignores client certificates, and `Bun.listen` reports connections before their handshake
 * is done (measured, 2.9.5 and 1.4.5).
 *
 * @module
 */

import { X509Certificate } from "node:crypto";
import { connect as connectTcp, isIP, type Socket as NetSocket } from "node:net";
import { checkServerIdentity, connect as startTls, type PeerCertificate, type TLSSocket } from "node:tls";
import type { DialOptions, ListeningSocket, ListenOptions, Registry, SharePort } from "../../src/contract/adapter.ts";
import type { NetworkAddress } from "../../src/contract/address.ts";
import { HANDSHAKE_TIMEOUT, type ServerTls } from "../../src/contract/tls.ts";
import { withWords } from "./certificate_words.ts";
import { keepFreedMemory } from "./freed_memory.ts";
import { WriteRounds } from "./write_rounds.ts";
import { checked } from "./pem.ts";
import { Handshakes, leftError } from "./handshakes.ts";
import { eventLoop } from "../shared/event_loop.ts";
import { listenAt, type OpenOne } from "../shared/listen_at.ts";
import { unlessAborted } from "../shared/node_dial.ts";
import { offer, remoteAddressOf, SOCKET_OPTIONS, type Wire } from "../shared/node_socket.ts";
import { openTcp } from "./tcp_listener.ts";
import { onBun, onDeno } from "../shared/which.ts";

/** What tests replace. */
export interface TlsOverrides {
  /** How long a handshake may take, in milliseconds. Default 10 000. */
  readonly handshakeTimeout?: number;
}

/** The writes of all connections over TLS: they share one loop. */
const rounds = onDeno ? new WriteRounds(eventLoop.defer) : undefined;

/** How a TLS connection is reset, and how its reading is stopped. */
function overTls(socket: TLSSocket, raw: NetSocket): Wire {
  keepFreedMemory();
  socket.allowHalfOpen = raw.allowHalfOpen = SOCKET_OPTIONS.allowHalfOpen;
  return {
    // `drain` comes only after more than a few KiB, and a TLS socket has no option for that number.
    answersWrites: true,
    rounds,
    reset: () => resetTls(socket, raw),
    ...(onDeno && { flow: handleOf(raw) }),
  };
}

/** Resets a connection over TLS that {@link canReset}. */
export function resetTls(socket: NetSocket, raw: NetSocket): void {
  raw.resetAndDestroy();
  // On Bun the reset may otherwise never be sent. Node crashes when the TLS socket is destroyed before the TCP socket.
  if (onBun) socket.destroy();
  else raw.once("close", () => socket.destroy());
}

/** Stops the TCP socket: Deno reads without bound behind a paused TLS socket, as fast as it is sent (measured, 2.9.5). */
export function handleOf(raw: NetSocket): { stop(): void; go(): void } {
  const owner = raw as unknown as { _handle: { readStop(): void; readStart(): void } | null };
  return { stop: () => owner._handle?.readStop(), go: () => owner._handle?.readStart() };
}

// --- listen ---

/**
 * Opens a listener over TLS. A connection is offered to `registry` when its handshake is done and, with `ca`, when the
 * authority has signed its certificate for clients. Rejects when the certificates do not fit.
 */
export async function listenOverTls(
  address: NetworkAddress,
  registry: Registry,
  options: ListenOptions,
  surroundings: TlsOverrides = {},
): Promise<ListeningSocket> {
  const { handshakeTimeout = HANDSHAKE_TIMEOUT } = surroundings;
  let handshakes = handshakesOf(options.tls);
  const open: OpenOne = (one) => openTls(one, registry, () => handshakes, handshakeTimeout, options.sharePort);
  const listener = await listenAt(address, open);
  return {
    ...listener,
    // Later connections get a new server: unlike `setSecureContext`, it can also begin or cease to ask for client
    // certificates. Sessions made with the old authority cannot be resumed with the new one; on Deno that is so because
    // `Handshakes` resumes no session where a certificate is needed.
    reload: (tls) =>
      new Promise((resolve) => {
        handshakes = handshakesOf(tls);
        resolve();
      }),
  };
}

/** Opens one address; `handshakes` returns those with the current certificates. */
async function openTls(
  address: NetworkAddress,
  registry: Registry,
  handshakes: () => Handshakes,
  handshakeTimeout: number,
  share: SharePort | undefined,
): Promise<ListeningSocket> {
  const pending = new Set<() => void>();
  const arrived = (raw: NetSocket): unknown => {
    // Deno ignores the option of the server.
    raw.setKeepAlive(SOCKET_OPTIONS.keepAlive, SOCKET_OPTIONS.keepAliveInitialDelay);
    const remoteAddress = remoteAddressOf(raw);
    if (registry.handshakeStarted?.(remoteAddress) === false) return raw.on("error", () => {}).destroy();
    const current = handshakes();
    const leave = current.begin(raw, handshakeTimeout, (outcome) => {
      pending.delete(leave);
      if (outcome instanceof Error) registry.handshakeFailed?.(remoteAddress, outcome);
      else offer(registry, outcome, remoteAddress, { ...overTls(outcome, raw), subject: current.subjectOf(outcome) });
    });
    pending.add(leave);
  };
  const listener = await openTcp(address, registry, arrived, share);
  return {
    address: listener.address,
    close() {
      const closed = listener.close();
      for (const leave of [...pending]) leave();
      return closed;
    },
  };
}

/** What makes handshakes with these certificates. Throws when they do not fit. */
export function handshakesOf(tls: ServerTls | undefined): Handshakes {
  if (!tls) throw new TypeError("it needs tls: { cert, key }");
  return new Handshakes(checked(tls, "listener"));
}

// --- connect ---

/**
 * What is wrong when a certificate has not this name. Some versions of Node compare no IPv6 address with what is in the
 * certificate (test/runtime_bugs/node.ts), so OpenSSL has the last word on those.
 */
function wrongName(name: string, certificate: PeerCertificate): Error | undefined {
  const wrong = checkServerIdentity(name, certificate);
  if (wrong === undefined || isIP(name) !== 6) return wrong;
  return new X509Certificate(certificate.raw).checkIP(name) === undefined ? wrong : undefined;
}

/**
 * Opens a connection over TLS. `registry.accept` gets it when `ca`, or the runtime, trusts the server's certificate, and the
 * certificate has the name of the host, or `servername`. In TLS 1.3 a server refuses our own certificate only later: a
 * read then shows the error.
 */
export async function connectOverTls(address: NetworkAddress, registry: Registry, options: DialOptions): Promise<void> {
  const { signal, tls = {} } = options;
  signal?.throwIfAborted();
  const certificates = checked(tls, "client");
  // A scope, as in fe80::1%eth0, is no part of the name.
  const name = tls.servername ?? address.host.replace(/%.*$/, "");
  const raw = connectTcp({ host: address.host, port: address.port, ...SOCKET_OPTIONS });
  let broken: (error: Error) => void = () => {};
  await unlessAborted(signal, () => broken(new Error("aborted")), (resolve, reject) => {
    broken = (error) => {
      raw.destroy();
      reject(withWords(error));
    };
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
        checkServerIdentity: (_host, certificate) => wrongName(name, certificate),
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
}
