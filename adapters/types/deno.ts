/**
 * The part of Deno's API that its adapter uses, https://docs.deno.com/api/deno/network, and the codes of its errors.
 *
 * @module
 */

/** The address of one end of a connection. */
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

/** The part of the namespace that is used, here or by tests. */
export interface DenoApi {
  listen(
    options: { hostname: string; port: number; tcpBacklog: number; reusePort?: boolean } | DenoUnix,
  ): DenoListener;
  connect(
    options: ({ hostname: string; port: number } | DenoUnix) & { signal?: AbortSignal },
  ): Promise<DenoConnection>;
  addSignalListener(signal: string, handler: () => void): void;
  removeSignalListener(signal: string, handler: () => void): void;
  readonly build: { readonly os: string };
  readonly args: string[];
  readonly pid: number;
  readonly version: { readonly deno: string };
  exit(code: number): never;
  readonly permissions: {
    querySync(permission: { name: "env" } | { name: "read"; path: URL }): { readonly state: string };
  };
  readTextFileSync(path: string): string;
  readonly stdout: DenoOutput;
  readonly stderr: DenoOutput;
}

/** A function, so that importing this file reads no global of the runtime. */
export const deno = (): DenoApi => (globalThis as unknown as { Deno: DenoApi }).Deno;

/** The codes of errors that Deno names by class; those of the system have a code. */
const CODES: Readonly<Record<string, string>> = {
  BadResource: "EBADF",
  Interrupted: "EINTR",
  NotConnected: "ENOTCONN",
  TimedOut: "ETIMEDOUT",
};

/** The same error with a `code`, as on the other runtimes. */
export function normalize(error: Error): Error {
  // The error for a name that cannot be resolved has neither a code nor a class.
  const unknownHost = error.message.includes("failed to lookup address") ? "ENOTFOUND" : undefined;
  const code = (error as { code?: string }).code ?? CODES[error.name] ?? unknownHost;
  return code === undefined ? error : Object.assign(error, { code });
}

/**
 * Sets up Deno's signals by adding and removing a handler, since Deno panics when it first does that at the descriptor
 * limit (https://github.com/denoland/deno/issues/34054).
 */
export function primeSignals(): void {
  const handler = (): void => {};
  // Not SIGTERM, which Deno does not know on Windows.
  deno().addSignalListener("SIGINT", handler);
  deno().removeSignalListener("SIGINT", handler);
}
