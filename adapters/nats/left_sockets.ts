/**
 * Sockets that the client library of NATS has let go of. It takes all listeners off a socket and destroys it; on Deno there may
 * be an error after that, when the server resets the connection at the same time or refuses the certificate, and an error
 * without a listener ends the process. So each socket of the library keeps one.
 *
 * The library has no way to reach its sockets before it is connected, so the place where it makes the transport of a
 * connection is wrapped, in memory, and so is the one where a socket gets TLS, for the library's sockets alone. Nothing else
 * changes about either. A later library that has another such place is left as it is.
 *
 * @module
 */

import { onDeno } from "../shared/which.ts";

/** A socket, as far as it matters. */
interface Listening {
  on(name: "error", listener: () => void): unknown;
  removeAllListeners(...names: unknown[]): unknown;
}

/** What the library reads and writes through. */
interface Transport {
  socket?: Listening | undefined;
}

/** What the library makes for each connection. */
interface Protocol {
  transport?: Transport | undefined;
  /** Makes a transport for the next attempt. */
  prepare(): unknown;
}

/** What makes a socket of TLS over another. */
interface Tls {
  connect(...args: unknown[]): Listening;
}

/** Those that are wrapped. */
const wrapped = new WeakSet<Protocol>();

/** Sockets of the library. */
const kept = new WeakSet<Listening>();

/** Sockets of the library have a listener for errors from now on. */
export async function listenToLeftSockets(library: object): Promise<void> {
  const { ProtocolHandler } = library as { readonly ProtocolHandler?: { readonly prototype: Protocol } };
  const prototype = ProtocolHandler?.prototype;
  if (!onDeno || typeof prototype?.prepare !== "function" || wrapped.has(prototype)) return;
  wrapped.add(prototype);
  const { prepare } = prototype;
  prototype.prepare = function (this: Protocol): unknown {
    const pong = prepare.call(this);
    if (this.transport) followSockets(this.transport);
    return pong;
  };
  const { default: tls } = await import("node:tls") as unknown as { readonly default: Tls };
  followTls(tls);
}

/** A socket of TLS over one of the library is one of the library before that has it. */
function followTls(tls: Tls): void {
  const { connect } = tls;
  tls.connect = (...args) => {
    const socket = connect.apply(tls, args);
    const under = (args[0] as { readonly socket?: Listening } | undefined)?.socket;
    if (under && kept.has(under)) keepListening(socket);
    return socket;
  };
}

/** Each socket that a transport gets keeps a listener. */
function followSockets(transport: Transport): void {
  let current = transport.socket;
  Object.defineProperty(transport, "socket", {
    configurable: true,
    enumerable: true,
    get: () => current,
    set(socket: Listening | undefined) {
      current = socket;
      if (socket) keepListening(socket);
    },
  });
}

function keepListening(socket: Listening): void {
  if (kept.has(socket)) return;
  kept.add(socket);
  const ignore = (): void => {};
  const { removeAllListeners } = socket;
  socket.removeAllListeners = (...names) => {
    removeAllListeners.apply(socket, names);
    socket.on("error", ignore);
    return socket;
  };
  socket.on("error", ignore);
}
