/** The part of Deno's API that the controls use. */

/** A connection. */
export interface DenoConnection {
  read(buffer: Uint8Array): Promise<number | null>;
  write(bytes: Uint8Array): Promise<number>;
  setNoDelay(on: boolean): void;
  close(): void;
}

/** An open listener. */
export interface DenoListener {
  readonly addr: { readonly port: number };
  accept(): Promise<DenoConnection>;
}

/** What opens a listener, and the arguments of the program. */
export interface DenoApi {
  readonly args: readonly string[];
  addSignalListener(name: "SIGTERM", handler: () => void): void;
  listen(options: { hostname: string; port: number; tcpBacklog: number }): DenoListener;
}

/** Deno, typed without the types of Deno. */
export function deno(): DenoApi {
  return (globalThis as unknown as { Deno: DenoApi }).Deno;
}
