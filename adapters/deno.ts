/**
 * The adapter for Deno, on `Deno.listen`.
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
import type { Token } from "../src/contract/token.ts";
import { restsInStream } from "./shared/accept_rests.ts";
import { deferWithRests, eventLoop } from "./shared/event_loop.ts";
import { deno, type DenoApi, type DenoConnection, type DenoListener, normalize, primeSignals } from "./types/deno.ts";
import { connectionsThatFit } from "./shared/file_limit.ts";
import { Inbox, WRITE_STEP } from "./shared/inbox.ts";
import { overTransports } from "./shared/listen.ts";
import { BACKLOG } from "./shared/node_server.ts";

// --- socket ---

/** Bytes of the buffer of an idle connection: every pending read keeps its buffer. */
const SMALL_BUFFER = 4 * 1024;

/** Bytes of the buffer of a busy connection: more is no faster. */
const LARGE_BUFFER = 16 * 1024;

/** Writes under way, of all sockets: they share one loop. */
let writing = 0;

/** Deno writes in a later round of its loop, and two writes at a time would interleave: at most one is under way. */
class DenoSocket implements Socket {
  readonly remoteAddress: string;
  error: Error | undefined;

  readonly #connection: DenoConnection;
  readonly #inbox: Inbox = new Inbox();
  #registry: Registry | undefined;
  #token: Token | undefined;
  #buffer: Uint8Array = new Uint8Array(SMALL_BUFFER);
  #reading = false;
  /** What is left of the write under way. */
  #writing: Uint8Array | undefined;
  /** The last write took several steps: the next writes are small, so that progress shows. */
  #slow = false;
  /** A write was short: one WRITABLE is due. */
  #writableDue = false;
  #shut = false;
  #finSent = false;
  #final = false;
  #closed = false;

  // One function for all reads and one for all writes of this socket, so that a read or a write allocates none.
  readonly #onRead = (length: number | null): void => this.#read(length);
  readonly #onWritten = (length: number): void => this.#written(length);
  readonly #onError = (error: unknown): void => this.#fail(error as Error);
  readonly #onWriteError = (error: unknown): void => {
    writing--;
    this.#fail(error as Error);
  };

  constructor(connection: DenoConnection) {
    this.#connection = connection;
    const { remoteAddr } = connection;
    this.remoteAddress = remoteAddr.transport === "unix"
      ? UNIX_REMOTE
      : formatHostPort(remoteAddr.hostname, remoteAddr.port);
  }

  /** Reports readiness to `registry` from now on. */
  attach(registry: Registry, token: Token): void {
    this.#registry = registry;
    this.#token = token;
    this.#readOn();
  }

  read(): Uint8Array | undefined | null {
    const chunk = this.#inbox.shift();
    if (!this.#reading) this.#readOn();
    return chunk;
  }

  write(bytes: Uint8Array): number {
    if (this.#closed || this.#shut || this.error) return 0;
    if (this.#writing) {
      this.#writableDue = true;
      return 0;
    }
    const step = this.#slow && bytes.length > WRITE_STEP ? bytes.subarray(0, WRITE_STEP) : bytes;
    if (step !== bytes) this.#writableDue = true;
    this.#slow = false;
    this.#send(step);
    return step.length;
  }

  shutdown(): void {
    if (this.#closed || this.#shut) return;
    this.#shut = true;
    if (!this.#writing) this.#sendFin();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#inbox.clear();
    // Deno cannot reset a connection: the kernel goes on sending what it has taken.
    this.#connection.close();
  }

  #readOn(): void {
    if (this.#reading || this.#closed || this.#inbox.full || this.#inbox.ended) return;
    this.#reading = true;
    this.#connection.read(this.#buffer).then(this.#onRead, this.#onError);
  }

  #read(length: number | null): void {
    this.#reading = false;
    // Deno delivers a read that has completed in this round even after close().
    if (this.#closed) return;
    if (length === null) {
      this.#inbox.end();
    } else if (length === this.#buffer.length) {
      // A full buffer is handed on, and the next one is large; other reads are copied, and their buffer is used again.
      this.#inbox.push(this.#buffer);
      this.#buffer = new Uint8Array(LARGE_BUFFER);
    } else {
      this.#inbox.push(this.#buffer.slice(0, length));
      if (length < SMALL_BUFFER && this.#buffer.length > SMALL_BUFFER) this.#buffer = new Uint8Array(SMALL_BUFFER);
    }
    this.#ready(READABLE);
    if (length === null) this.#hangUpWhenDone();
    else this.#readOn();
  }

  #send(bytes: Uint8Array): void {
    writing++;
    this.#writing = bytes;
    this.#connection.write(bytes).then(this.#onWritten, this.#onWriteError);
  }

  #written(length: number): void {
    writing--;
    const rest = this.#writing!.length - length;
    if (this.#closed) return;
    if (rest > 0) {
      this.#slow = true;
      this.#send(this.#writing!.subarray(length));
      return;
    }
    this.#writing = undefined;
    if (this.#shut) this.#sendFin();
    if (!this.#writableDue) return;
    this.#writableDue = false;
    this.#ready(WRITABLE);
  }

  #sendFin(): void {
    this.#connection.closeWrite().then(() => {
      this.#finSent = true;
      this.#hangUpWhenDone();
    }, this.#onError);
  }

  #hangUpWhenDone(): void {
    if (this.#finSent && this.#inbox.ended) this.#finally(HUP);
  }

  /** Read, write and FIN may all fail of one cause: only the first failure is reported. */
  #fail(error: Error): void {
    if (this.#closed || this.#final) return;
    this.#writing = undefined;
    this.error = normalize(error);
    this.#inbox.end();
    this.#finally(ERROR);
  }

  #finally(readiness: Readiness): void {
    if (this.#final) return;
    this.#ready(readiness);
    this.#final = true;
  }

  #ready(readiness: Readiness): void {
    if (!this.#closed && !this.#final) this.#registry!.ready(this.#token!, readiness);
  }
}

// --- listen ---

function listenUnix(path: string, address: UnixAddress, registry: Registry): Promise<ListeningSocket> {
  return Promise.resolve(serve(open({ transport: "unix", path }), address, registry));
}

function listenTcp(
  address: NetworkAddress,
  registry: Registry,
  share: SharePort | undefined,
): Promise<ListeningSocket> {
  const where = { hostname: address.host, port: address.port, tcpBacklog: BACKLOG };
  // A port that is to be shared is opened alone first: otherwise a second server would get half of the connections.
  if (share === "open" && where.port !== 0) open(where).close();
  const listener = open(share === undefined ? where : { ...where, reusePort: true });
  const { hostname, port } = listener.addr;
  return Promise.resolve(serve(listener, { ...address, host: hostname, port }, registry));
}

function open(where: Parameters<DenoApi["listen"]>[0]): DenoListener {
  try {
    return deno().listen(where);
  } catch (error) {
    throw normalize(error as Error);
  }
}

function serve(listener: DenoListener, address: Address, registry: Registry): ListeningSocket {
  let open = true;
  const accepting = acceptAll(listener, registry, () => open);
  const close = (): Promise<void> => {
    if (open) listener.close();
    open = false;
    // The pending accept keeps the socket open until it is rejected.
    return accepting;
  };
  return { address, close };
}

/**
 * Accepts until the listener closes. Not with `for await`: a connection that resets at once makes accept() reject
 * (https://github.com/denoland/deno/issues/8499), as does the descriptor limit, and that would end the loop for good.
 */
async function acceptAll(listener: DenoListener, registry: Registry, isOpen: () => boolean): Promise<void> {
  const rest = restsInStream();
  while (isOpen()) {
    try {
      accept(await listener.accept(), registry);
      await rest();
    } catch (error) {
      if (!isOpen()) return;
      await registry.acceptFailed(normalize(error as Error));
    }
  }
}

function accept(connection: DenoConnection, registry: Registry): void {
  const accepted = new DenoSocket(connection);
  const token = registry.accept(accepted);
  if (token === undefined) return connection.close();
  try {
    // A Unix socket has neither of the two.
    connection.setNoDelay?.(true);
    // The system chooses the delay: two hours by default (https://github.com/denoland/deno/issues/35634).
    connection.setKeepAlive?.(true);
  } catch {
    // The client is gone already: reading reports it.
  }
  accepted.attach(registry, token);
}

// --- adapter ---

/**
 * The adapter for Deno. It needs only `--allow-net`; it knows the descriptor limit only where all files may be read.
 *
 * @example
 * ```ts
 * import { Mob } from "mobcast";
 * import { denoAdapter } from "mobcast/deno";
 *
 * const mob = new Mob(denoAdapter());
 * console.log(await mob.listen("tcp://127.0.0.1:0"));
 * await mob.close();
 * ```
 */
export function denoAdapter(): Adapter {
  primeSignals();
  return {
    name: "deno",
    capacity: connectionsThatFit((path) => deno().readTextFileSync(path)),
    ...overTransports({ listenTcp, listenUnix, clock: eventLoop }),
    ...eventLoop,
    defer: deferWithRests(() => writing),
  };
}
