/**
 * The part of Deno's API that its adapter uses, https://docs.deno.com/api/deno/network, and its errors by the codes that
 * the other runtimes give.
 *
 * @module
 */

/** The end of a connection. */
export interface DenoAddress {
  readonly transport: "tcp" | "unix";
  readonly hostname: string;
  readonly port: number;
}

/** A connection. */
export interface DenoConnection {
  readonly remoteAddr: DenoAddress;
  read(buffer: Uint8Array): Promise<number | null>;
  write(bytes: Uint8Array): Promise<number>;
  closeWrite(): Promise<void>;
  close(): void;
  /** Only over TCP. */
  setNoDelay?(noDelay: boolean): void;
  setKeepAlive?(keepAlive: boolean): void;
}

/** A listener. */
export interface DenoListener {
  readonly addr: DenoAddress;
  accept(): Promise<DenoConnection>;
  close(): void;
}

/** The path of a Unix socket. */
export interface DenoUnix {
  transport: "unix";
  path: string;
}

/** Standard output or standard error. */
export interface DenoOutput {
  /** Writes in a thread of its own. */
  write(bytes: Uint8Array): Promise<number>;
  isTerminal(): boolean;
}

/** What is used of the namespace. */
export interface DenoApi {
  listen(options: { hostname: string; port: number; tcpBacklog: number } | DenoUnix): DenoListener;
  connect(
    options: ({ hostname: string; port: number } | DenoUnix) & { signal?: AbortSignal },
  ): Promise<DenoConnection>;
  addSignalListener(signal: "SIGTERM", handler: () => void): void;
  removeSignalListener(signal: "SIGTERM", handler: () => void): void;
  readonly stdout: DenoOutput;
  readonly stderr: DenoOutput;
}

/** Read when it is needed: importing this file touches no global of the runtime. */
export const deno = (): DenoApi => (globalThis as unknown as { Deno: DenoApi }).Deno;

/** Deno names many errors by class where other runtimes have a code. */
const CODES: Readonly<Record<string, string>> = {
  AddrInUse: "EADDRINUSE",
  AddrNotAvailable: "EADDRNOTAVAIL",
  BadResource: "EBADF",
  BrokenPipe: "EPIPE",
  ConnectionAborted: "ECONNABORTED",
  ConnectionRefused: "ECONNREFUSED",
  ConnectionReset: "ECONNRESET",
  Interrupted: "EINTR",
  NotConnected: "ENOTCONN",
  NotFound: "ENOENT",
  PermissionDenied: "EACCES",
  TimedOut: "ETIMEDOUT",
};

/** The same error with a `code`, as on the other runtimes. */
export function normalize(error: Error): Error {
  // A name that cannot be resolved has neither code nor class.
  const unknownHost = error.message.includes("failed to lookup address") ? "ENOTFOUND" : undefined;
  const code = (error as { code?: string }).code ?? CODES[error.name] ?? unknownHost;
  return code === undefined ? error : Object.assign(error, { code });
}

/**
 * Deno panics at the descriptor limit when its signal machinery is first needed there
 * (https://github.com/denoland/deno/issues/34054). A handler that comes and goes sets it up, and changes nothing else.
 */
export function primeSignals(): void {
  const handler = (): void => {};
  deno().addSignalListener("SIGTERM", handler);
  deno().removeSignalListener("SIGTERM", handler);
}
