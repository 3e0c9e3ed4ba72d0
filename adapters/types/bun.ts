/**
 * The part of Bun's API that its adapter uses, https://bun.sh/docs/api/tcp.
 *
 * @module
 */

/** The handler of a socket's events; the adapter keeps it in the socket's `data`. */
export interface BunTcpEvents {
  onData(chunk: Uint8Array): void;
  onEnd(): void;
  onDrain(): void;
  onClose(error: Error | undefined): void;
}

/** A connection. */
export interface BunTcpSocket {
  data: BunTcpEvents | undefined;
  /** Undefined when the client has reset the connection already. */
  readonly remoteAddress?: string;
  readonly remotePort?: number;
  write(bytes: Uint8Array): number;
  setKeepAlive(enable: boolean, initialDelay: number): boolean;
  /** Replaces the handlers. */
  reload(options: { socket: BunHandlers }): void;
  pause(): void;
  resume(): void;
  shutdown(): void;
  end(): void;
  terminate(): void;
}

/** The handlers of all sockets of a listener, or of the socket of a connect. */
export interface BunHandlers {
  open(socket: BunTcpSocket): void;
  data(socket: BunTcpSocket, chunk: Uint8Array): void;
  end(socket: BunTcpSocket): void;
  drain(socket: BunTcpSocket): void;
  close(socket: BunTcpSocket, error?: Error): void;
  error(socket: BunTcpSocket, error: Error): void;
  /** For connects alone. */
  connectError?(socket: BunTcpSocket, error: Error): void;
  /** Not the default, Buffer, whose `slice` is a view where that of any other array is a copy. */
  readonly binaryType: "uint8array";
}

/** A listener. */
export interface BunListener {
  readonly port: number;
  stop(closeActive?: boolean): void;
}

/** What writes to a file, a pipe or a socket, and waits for room without blocking. */
export interface BunSink {
  write(bytes: Uint8Array): number | Promise<number>;
  flush(): number | Promise<number>;
}

/** The part of the namespace that is used, here or by tests. */
export interface BunApi {
  readonly stdout: { writer(): BunSink };
  readonly stderr: { writer(): BunSink };
  listen(options: Record<string, unknown> & { socket: BunHandlers }): BunListener;
  connect(options: Record<string, unknown> & { socket: BunHandlers }): Promise<BunTcpSocket>;
}

/** A function, so that importing this file reads no global of the runtime. */
export const bun = (): BunApi => (globalThis as unknown as { Bun: BunApi }).Bun;

/** Listens. Every error has a code. */
export function listenOnBun(options: Parameters<BunApi["listen"]>[0]): BunListener {
  try {
    return bun().listen(options);
  } catch (error) {
    // The error for a host that cannot be resolved, or is not of this machine, has no code.
    throw "code" in (error as Error) ? error : Object.assign(error as Error, { code: "EADDRNOTAVAIL" });
  }
}
