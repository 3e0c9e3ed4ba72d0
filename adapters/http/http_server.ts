/**
 * HTTP servers for the status listener, the same code on Node, Bun and Deno. `node:http` reads and writes the messages on
 * sockets that `node:net` and `node:tls` have accepted, so files, host names and certificates are handled as for every
 * listener. It does not listen itself: on Bun that is a server with other limits.
 *
 * @module
 */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createNetServer, type Socket as NetSocket } from "node:net";
import type { ListeningSocket } from "../../src/contract/adapter.ts";
import { type Address, UNIX_REMOTE, type UnixAddress } from "../../src/contract/address.ts";
import type { HttpListenOptions } from "../../src/contract/http.ts";
import { HANDSHAKE_TIMEOUT, type ServerTls } from "../../src/contract/tls.ts";
import { adviseWorker } from "../shared/cluster.ts";
import { pause } from "../shared/event_loop.ts";
import { listenAt } from "../shared/listen_at.ts";
import { startServer } from "../shared/node_server.ts";
import { remoteAddressOf, SOCKET_OPTIONS } from "../shared/node_socket.ts";
import { bindUnix } from "../shared/unix_socket.ts";
import { openTcp } from "../tls/tcp_listener.ts";
import type { Handshakes } from "../tls/handshakes.ts";
import { handshakesOf } from "../tls/tls.ts";
import { HttpConnection, type HttpTimes } from "./http_connection.ts";

/** The limits of a server. Tests replace some of them. */
export interface HttpLimits extends HttpTimes {
  /** Connections at a time, TLS handshakes included. A further one is closed at once. */
  readonly connections: number;
  /** Bytes of the head of a request. */
  readonly head: number;
  /** How long connections may take to end when the listener closes, in milliseconds. */
  readonly closing: number;
}

const LIMITS: HttpLimits = {
  connections: 100,
  head: 8 * 1024,
  headTimeout: 10_000,
  keepAlive: 5_000,
  stallTimeout: 30_000,
  closing: 1_000,
};

/** How long a listener waits after a failing accept, in milliseconds. */
const ACCEPT_PAUSE = 100;

/** Opens a listener for HTTP/1.1, over TLS where the address is: see `Adapter.listenHttp`. */
export async function listenHttp(
  address: Address,
  options: HttpListenOptions,
  limits: Partial<HttpLimits> = {},
): Promise<ListeningSocket> {
  try {
    return await new HttpServer(options, { ...LIMITS, ...limits }).open(address);
  } catch (error) {
    throw await adviseWorker(error);
  }
}

/** The connections of one listener, and what reads their requests. */
class HttpServer {
  readonly #options: HttpListenOptions;
  readonly #limits: HttpLimits;
  readonly #server: Server;
  readonly #connections: Set<HttpConnection> = new Set();
  readonly #bySocket: WeakMap<object, HttpConnection> = new WeakMap();
  #handshakes: Handshakes | undefined;
  #closing = false;

  constructor(options: HttpListenOptions, limits: HttpLimits) {
    this.#options = options;
    this.#limits = limits;
    this.#server = createServer({
      maxHeaderSize: limits.head,
      keepAliveTimeout: limits.keepAlive,
      // Checked with the rest of the head: Bun does not check it.
      requireHostHeader: false,
      insecureHTTPParser: false,
    });
    // Deno closes a connection after its response when the server does not listen.
    Object.defineProperty(this.#server, "listening", { value: true });
    const request = (request: IncomingMessage, response: ServerResponse): void => {
      this.#bySocket.get(request.socket)?.request(request, response);
    };
    // Without listeners of their own, the last two would be answered before a body is refused.
    for (const event of ["request", "checkContinue", "checkExpectation"]) this.#server.on(event, request);
    this.#server.on("clientError", (error, socket) => this.#bySocket.get(socket)?.malformed(error));
  }

  async open(address: Address): Promise<ListeningSocket> {
    const { tls, unixMode } = this.#options;
    if (address.transport === "tls") this.#handshakes = handshakesOf(tls);
    const remoteOf = address.transport === "unix" ? () => UNIX_REMOTE : remoteAddressOf;
    const arrived = (raw: NetSocket): void => this.#arrived(raw, remoteOf(raw));
    const listener = address.transport === "unix"
      ? await bindUnix(address, unixMode, (path) => openPath(path, address, arrived))
      : await listenAt(address, (one) => openTcp(one, { acceptFailed: () => pause(ACCEPT_PAUSE) }, arrived));
    return {
      ...listener,
      close: () => this.#close(listener),
      ...(address.transport === "tls" && {
        // Later connections get the new certificates, and may then have to show one, as on every listener.
        reload: (tls: ServerTls) =>
          new Promise<void>((resolve) => {
            this.#handshakes = handshakesOf(tls);
            resolve();
          }),
      }),
    };
  }

  /** A client has connected. */
  #arrived(raw: NetSocket, remoteAddress: string): void {
    raw.on("error", () => {});
    if (this.#closing || this.#connections.size >= this.#limits.connections || !this.#options.allows(remoteAddress)) {
      raw.destroy();
      return;
    }
    const connection = new HttpConnection(raw, remoteAddress === UNIX_REMOTE, this.#options.handler, this.#limits);
    this.#connections.add(connection);
    raw.once("close", () => {
      this.#connections.delete(connection);
      connection.gone();
    });
    if (!this.#handshakes) return this.#begin(connection, raw);
    // Deno ignores the option of the server.
    raw.setKeepAlive(SOCKET_OPTIONS.keepAlive, SOCKET_OPTIONS.keepAliveInitialDelay);
    this.#handshakes.begin(raw, HANDSHAKE_TIMEOUT, (outcome) => {
      // After a failure the handshake destroys the socket itself.
      if (!(outcome instanceof Error)) this.#begin(connection, outcome);
    });
  }

  /** The connection can have requests. */
  #begin(connection: HttpConnection, socket: NetSocket): void {
    this.#bySocket.set(socket, connection);
    connection.begin(socket);
    this.#server.emit("connection", socket);
  }

  async #close(listener: ListeningSocket): Promise<void> {
    this.#closing = true;
    const closed = listener.close();
    const left = [...this.#connections];
    for (const connection of left) connection.leave();
    await Promise.race([Promise.all(left.map(({ over }) => over)), pause(this.#limits.closing)]);
    for (const connection of left) connection.drop();
    await closed;
  }
}

/** Opens a Unix socket at once, as `bindUnix` needs it. */
async function openPath(
  path: string,
  address: UnixAddress,
  arrived: (raw: NetSocket) => void,
): Promise<ListeningSocket> {
  const server = createNetServer({ ...SOCKET_OPTIONS, allowHalfOpen: false }, arrived);
  await startServer(server, { path });
  // A failing accept never ends the listener.
  server.on("error", () => {});
  return { address, close: () => Promise.resolve(void server.close()) };
}
