/** The part of Bun's API that the controls use. */

import type { Buffer } from "node:buffer";

/** A connection, with what its server knows of it. */
export interface BunSocket<Data> {
  data: Data;
  write(bytes: Uint8Array): number;
  end(): void;
}

/** A server's callbacks. */
export interface BunHandlers<Data> {
  readonly binaryType: "buffer";
  open(socket: BunSocket<Data>): void;
  data(socket: BunSocket<Data>, chunk: Buffer): void;
  close(socket: BunSocket<Data>): void;
  drain?(socket: BunSocket<Data>): void;
}

/** What opens a listener. */
export interface BunApi<Data> {
  listen(options: { hostname: string; port: number; socket: BunHandlers<Data> }): { readonly port: number };
}

/** Bun, typed without the types of Bun. */
export function bun<Data>(): BunApi<Data> {
  return (globalThis as unknown as { Bun: BunApi<Data> }).Bun;
}
