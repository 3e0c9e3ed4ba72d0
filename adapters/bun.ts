/**
 * The adapter for Bun, on `Bun.listen`.
 *
 * @module
 */

import {
  type Adapter,
  ERROR,
  HUP,
  type ListeningSocket,
  READABLE,
  type Readiness,
  type Registry,
  type SharePort,
  type Socket,
  WRITABLE,
} from "../src/contract/adapter.ts";
import {
  type Address,
  formatHostPort,
  type NetworkAddress,
  UNIX_REMOTE,
  type UnixAddress,
} from "../src/contract/address.ts";
import { systemError } from "../src/errors.ts";
import type { Token } from "../src/contract/token.ts";
import { readFileSync } from "node:fs";
import type { Socket as NetSocket } from "node:net";
import { connectionsThatFit } from "./shared/file_limit.ts";
import { type BunHandlers, type BunTcpEvents, type BunTcpSocket, listenOnBun } from "./types/bun.ts";
import { eventLoop } from "./shared/event_loop.ts";
import { Inbox } from "./shared/inbox.ts";
import { overTransports } from "./shared/listen.ts";
import { SOCKET_OPTIONS } from "./shared/node_socket.ts";

// --- socket ---

/** Bun's write takes what the kernel takes and queues nothing, just as the contract's `write`. */
class BunSocket implements Socket, BunTcpEvents {
  readonly remoteAddress: string;
  error: Error | undefined;

  readonly #socket: BunTcpSocket;
  readonly #inbox: Inbox = new Inbox();
  #registry: Registry | undefined;
  #token: Token | undefined;
  #paused = false;
  /** A write was short: one WRITABLE is due. */
  #writableDue = false;
  #shut = false;
  #closed = false;

  constructor(socket: BunTcpSocket, transport: Address["transport"]) {
    const { remoteAddress = "unknown", remotePort = 0 } = socket;
    this.#socket = socket;
    this.remoteAddress = transport === "unix" ? UNIX_REMOTE : formatHostPort(remoteAddress, remotePort);
  }

  /** Reports readiness to `registry` from now on. */
  attach(registry: Registry, token: Token): void {
    this.#registry = registry;
    this.#token = token;
  }

  read(): Uint8Array | undefined | null {
    const chunk = this.#inbox.shift();
    if (this.#paused && !this.#inbox.full && !this.#closed) {
      this.#paused = false;
      this.#socket.resume();
    }
    return chunk;
  }

  write(bytes: Uint8Array): number {
    if (this.#closed || this.#shut || this.error) return 0;
    const taken = this.#socket.write(bytes);
    if (taken < 0) {
      // Bun still delivers the bytes received before, then closes without an error, so the error is kept here
      // (https://github.com/oven-sh/bun/pull/36422).
      this.error = systemError("EPIPE", "Cannot write: connection closed");
      // A paused socket does not report its close.
      if (this.#paused) this.#socket.resume();
      return 0;
    }
    if (taken < bytes.length) this.#writableDue = true;
    return taken;
  }

  shutdown(): void {
    if (this.#closed || this.#shut) return;
    this.#shut = true;
    // Not end(): that closes at once, and with unread input the kernel then drops what it has yet to send.
    this.#socket.shutdown();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#inbox.clear();
    // A reset frees what the kernel holds for a stuck client; after shutdown it would drop what the client has to receive.
    if (this.#shut) this.#socket.end();
    else this.#socket.terminate();
  }

  onData(chunk: Uint8Array): void {
    if (this.#closed) return;
    this.#inbox.push(chunk);
    if (this.#inbox.full && !this.#paused && !this.error) {
      this.#paused = true;
      this.#socket.pause();
    }
    this.#ready(READABLE);
  }

  onEnd(): void {
    this.#inbox.end();
    this.#ready(READABLE);
  }

  onDrain(): void {
    // Bun also reports drain when a socket is resumed, and after open (https://github.com/oven-sh/bun/pull/37099).
    if (!this.#writableDue) return;
    this.#writableDue = false;
    this.#ready(WRITABLE);
  }

  onClose(error: Error | undefined): void {
    this.error ??= error;
    this.#inbox.end();
    this.#ready(this.error ? ERROR : HUP);
  }

  #ready(readiness: Readiness): void {
    if (!this.#closed) this.#registry?.ready(this.#token!, readiness);
  }
}

// --- handlers: one object for all sockets of a listener, or for one connection that was made ---

function handlers({ transport }: Address, registry: Registry): BunHandlers {
  return {
    binaryType: "uint8array",
    open: (socket) => accept(socket, transport, registry),
    data: (socket, chunk) => socket.data?.onData(chunk),
    end: (socket) => socket.data?.onEnd(),
    drain: (socket) => socket.data?.onDrain(),
    close: (socket, error) => socket.data?.onClose(error),
    // Called only for what a handler throws, and these do not throw.
    error: (socket) => socket.terminate(),
  };
}

function accept(socket: BunTcpSocket, transport: Address["transport"], registry: Registry): void {
  const accepted = new BunSocket(socket, transport);
  const token = registry.accept(accepted);
  // The handlers ignore a refused socket, which has no BunSocket.
  if (token === undefined) return socket.end();
  socket.data = accepted;
  if (transport !== "unix") socket.setKeepAlive(true, SOCKET_OPTIONS.keepAliveInitialDelay);
  accepted.attach(registry, token);
}

// --- listen ---

function listenUnix(unix: string, address: UnixAddress, registry: Registry): Promise<ListeningSocket> {
  const listener = listenOnBun({ unix, allowHalfOpen: true, socket: handlers(address, registry) });
  return Promise.resolve({ address, close: () => Promise.resolve(listener.stop(false)) });
}

async function listenTcp(
  address: NetworkAddress,
  registry: Registry,
  share: SharePort | undefined,
): Promise<ListeningSocket> {
  const options = { hostname: address.host, allowHalfOpen: true, socket: handlers(address, registry) };
  const { openPort } = await import("./shared/bun_port.ts");
  const listeners = await openPort(options, address.port, share);
  const close = (): Promise<void> => {
    for (const listener of listeners) listener.stop(false);
    return Promise.resolve();
  };
  return { address: { ...address, port: listeners[0]!.port }, close };
}

// --- connect ---

/** Offers the socket of Bun's own below a socket of `node:net`, which is slower. */
function offer(socket: NetSocket, address: Address, registry: Registry): boolean {
  const handle = handleOf(socket);
  if (!handle) return false;
  handle.reload({ socket: handlers(address, registry) });
  accept(handle, address.transport, registry);
  return true;
}

/** What is below a socket of `node:net`: a socket of Bun's own. `undefined` if a version of Bun should hide it. */
function handleOf(socket: NetSocket): BunTcpSocket | undefined {
  const { _handle: handle } = socket as unknown as { _handle?: BunTcpSocket | null };
  return typeof handle?.reload === "function" ? handle : undefined;
}

// --- adapter ---

/**
 * The adapter for Bun.
 *
 * @example
 * ```ts ignore
 * import { Mob } from "mobcast";
 * import { bunAdapter } from "mobcast/bun";
 *
 * const mob = new Mob(bunAdapter());
 * console.log(await mob.listen("tcp://127.0.0.1:0"));
 * await mob.close();
 * ```
 */
export function bunAdapter(): Adapter {
  return {
    name: "bun",
    capacity: connectionsThatFit((path) => readFileSync(path, "utf8")),
    ...overTransports({ listenTcp, listenUnix, offer, clock: eventLoop }),
    ...eventLoop,
  };
}
