/**
 * The part of Bun's API that its adapter uses, https://bun.sh/docs/api/tcp.
 *
 * @module
 */

/** What a socket's events are told to: the adapter keeps it in the socket's `data`. */
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
  pause(): void;
  resume(): void;
  shutdown(): void;
  end(): void;
  terminate(): void;
}

/** What is called for all sockets of a listener, or for the one of a connect. */
export interface BunHandlers {
  open(socket: BunTcpSocket): void;
  data(socket: BunTcpSocket, chunk: Uint8Array): void;
  end(socket: BunTcpSocket): void;
  drain(socket: BunTcpSocket): void;
  close(socket: BunTcpSocket, error?: Error): void;
  error(socket: BunTcpSocket, error: Error): void;
  connectError(socket: BunTcpSocket, error: Error): void;
  /** A Buffer by default, whose `slice` is a view where that of any other array is a copy. */
  readonly binaryType: "uint8array";
}

/** A listener. */
export interface BunListener {
  readonly port: number;
  stop(closeActive?: boolean): void;
}

/** What is used of the namespace. */
export interface BunApi {
  listen(options: Record<string, unknown> & { socket: BunHandlers }): BunListener;
  connect(options: Record<string, unknown> & { socket: BunHandlers }): Promise<BunTcpSocket>;
}

/** Read when it is needed: importing this file touches no global of the runtime. */
export const bun = (): BunApi => (globalThis as unknown as { Bun: BunApi }).Bun;
