/**
 * The contract between the core and a runtime: types and their numbered rules, no code that does anything.
 *
 * The core knows the world only through an {@link Adapter}; what a runtime tells the core goes through a
 * {@link Registry}. The conformance suite has a case for each rule:
 *
 * 1. `accept` comes first; no event for a token before it returns. `undefined` means refused: the adapter closes the
 *    socket.
 * 2. Adapters never call the core from inside a socket callback, `accept` apart: they record readiness, and one
 *    deferred tick delivers the batch.
 * 3. A short `write` obliges the adapter to one WRITABLE (or HUP or ERROR). Spurious and duplicate events are allowed;
 *    the core ignores them.
 * 4. The bytes given to `write` are never changed afterwards. The bytes got from `read` belong to the core.
 * 5. Not reading is back-pressure: the adapter holds a small bounded inbox and then stops reading from the kernel.
 * 6. Everything read before an end, a reset or a hup is delivered before it. A reset may look like an end of stream:
 *    only framing says what was whole.
 * 7. Exactly one final HUP or ERROR for every accepted token; none after `close()`, or if one comes it is stale and
 *    ignored.
 * 8. A failing accept (EMFILE, ECONNABORTED, ENOTCONN, ...) never ends the listener: the adapter reports it, waits until
 *    `acceptFailed` resolves, and goes on.
 * 9. An option that an adapter cannot honor is refused at start, by name. Never ignored.
 *
 * @module
 */

import type { Address } from "./address.ts";
import type { HttpListenOptions } from "./http.ts";
import type { ProcessInfo } from "./process_info.ts";
import type { CertificateSubject, ClientTls, ServerTls } from "./tls.ts";
import type { Token } from "./token.ts";

/** Readiness: there may be something to read. The words, and that they are bits, are those of mio and epoll. */
export const READABLE = 1;
/** Readiness: a write that was short may go on. */
export const WRITABLE = 2;
/** Readiness: the connection is over, both ways. What was read before can still be read. */
export const HUP = 4;
/** Readiness: the connection broke; `socket.error` says how. What was read before can still be read. */
export const ERROR = 8;

/** One or more of {@link READABLE}, {@link WRITABLE}, {@link HUP}, {@link ERROR}, or-ed together. */
export type Readiness = number;

/** The close frame of a WebSocket, as far as a client has to know. */
export interface CloseFrame {
  /** The code of the client's error; `undefined`: the connection has ended in order. */
  readonly error?: "REFUSED" | "FRAME_TOO_LARGE" | "LOST" | undefined;
  /** What it says, in words. */
  readonly words: string;
  /** Whether it may answer the client's own: then everything before that was read. */
  readonly isAnswer: boolean;
}

/** A non-blocking byte stream, as the core sees it. No method throws. */
export interface Socket {
  /** The next chunk; `undefined` when it would block; `null` at the end of the stream. */
  read(): Uint8Array | undefined | null;
  /** Takes bytes to send and returns how many it took: 0 to all of them. The bytes must not change afterwards. */
  write(bytes: Uint8Array): number;
  /** Ends writing: everything taken is sent, then the other end sees the end of the stream. Reading goes on. */
  shutdown(): void;
  /** Drops the connection now, and everything that is not sent yet. Calling it again does nothing. */
  close(): void;
  /** What broke the connection; set before an {@link ERROR} event. */
  readonly error: Error | undefined;
  /** The address and port of the other end: `127.0.0.1:54321`. */
  readonly remoteAddress: string;
  /** The subject of the client's certificate, which the listener's authority has signed; without one, `undefined`. */
  readonly subject?: CertificateSubject | undefined;
  /** What the other end of a WebSocket has closed it with; set before a {@link HUP}. `undefined`: nothing, or no WebSocket. */
  readonly closeFrame?: CloseFrame | undefined;
}

/** The functions of the core that an adapter calls. */
export interface Registry {
  /** A new connection. Returns its token, or `undefined`: it is refused, and the adapter closes it. */
  accept(socket: Socket): Token | undefined;
  /** The token's socket is ready. This is only recorded: the next tick handles it. */
  ready(token: Token, readiness: Readiness): void;
  /** The listener could not accept. Resolves when it is time to try again. */
  acceptFailed(error: Error): Promise<void>;
  /**
   * A client has reached a TLS listener. Returns whether its handshake may begin: if so, `accept` or `handshakeFailed`
   * follows, if not, the adapter closes it.
   */
  handshakeStarted?(remoteAddress: string): boolean;
  /** A TLS handshake failed: a bad certificate, garbage, too slow, or the client left. Its socket is closed. */
  handshakeFailed?(remoteAddress: string, error: Error): void;
}

/** An open listener. */
export interface ListeningSocket {
  /** The address as opened: a port of 0 has become a real one. */
  readonly address: Address;
  /** For a host name: each address at which the listener is open, with an IP address as host. */
  readonly addresses?: readonly Address[];
  /** Stops accepting. Accepted connections stay. Resolves when the address is free again. */
  close(): Promise<void>;
  /** For a TLS listener: shows these certificates to new connections from now on. Accepted connections stay. */
  reload?(tls: ServerTls): Promise<void>;
}

/**
 * Several listeners share a port, in threads of one process: the first one `open`s it, and it must be free; the others
 * `join`.
 */
export type SharePort = "open" | "join";

/** The options of {@link Adapter.listen}. */
export interface ListenOptions {
  /** The certificates of a TLS listener. */
  readonly tls?: ServerTls | undefined;
  /** The mode bits of a Unix socket's file. */
  readonly unixMode?: number | undefined;
  /** Whether the port is shared, and how. */
  readonly sharePort?: SharePort | undefined;
}

/** The options of {@link Adapter.connect}. */
export interface DialOptions {
  /** Cancels connecting when it aborts. */
  readonly signal?: AbortSignal | undefined;
  /** The certificates of a TLS connection. */
  readonly tls?: ClientTls | undefined;
}

/** Everything of the outside world that the core uses. */
export interface Adapter {
  /** The name of the runtime. */
  readonly name: string;
  /** How many connections the process can have open; `undefined` where that is not known. */
  readonly capacity?: number | undefined;
  /** Opens a listener. Rejects when it cannot, with the system's `code` (EADDRINUSE, EACCES, ...) on the error. */
  listen(address: Address, registry: Registry, options?: ListenOptions): Promise<ListeningSocket>;
  /** Opens a connection: `registry.accept` gets its socket before this resolves. Rejects when it cannot. */
  connect(address: Address, registry: Registry, options?: DialOptions): Promise<void>;
  /**
   * Opens a WebSocket with the subprotocol `mobcast.u64` to a `ws:` or `wss:` URL, as `connect` opens a connection: what its
   * binary messages hold, one after the other, is the socket's byte stream. Rule 5 does not hold, since no runtime can stop
   * reading from one: the socket breaks when too much waits. Missing where there are none.
   */
  connectWebSocket?(url: string, registry: Registry, options?: Pick<DialOptions, "signal">): Promise<void>;
  /**
   * Opens a listener for HTTP/1.1, over TLS when the options have certificates: it has limits for connections, heads and
   * time, and takes no bodies. Rejects as `listen` does. Missing where there is no HTTP.
   */
  listenHttp?(address: Address, options: HttpListenOptions): Promise<ListeningSocket>;
  /** What the runtime says of its process. Missing where there is none. */
  processInfo?(): Promise<ProcessInfo>;
  /** Runs `tick` once, after the socket callbacks of this batch. */
  defer(tick: () => void): void;
  /** Milliseconds on a clock that never goes back. */
  now(): number;
  /** Runs `run` once after so many milliseconds (at most 2^31 - 1). Returns a function that cancels it. */
  after(milliseconds: number, run: () => void): () => void;
}
