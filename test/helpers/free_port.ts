/**
 * A port for a program that cannot choose one itself and say which, or for a server that is closed and opened again: one that
 * the system chose may be taken meanwhile by a connection of another process.
 *
 * @module
 */

import { randomInt } from "node:crypto";
import { createServer } from "node:net";

/** Ports that no system gives to connections: one of those may be taken before the program listens at it. */
const [LEAST, MOST] = [10_000, 32_000];

/** What was handed out: several are asked for before any is used, and two servers got the same. */
const given: Set<number> = new Set();

/** A port that is free now. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = LEAST + randomInt(MOST - LEAST);
    if (given.has(port)) continue;
    given.add(port);
    if (await isFree(port)) return port;
  }
}

/** An address of this machine that is free now. */
export async function freeUrl(scheme: "tcp" | "tls" | "ws" | "http" = "tcp"): Promise<string> {
  return `${scheme}://127.0.0.1:${await freePort()}`;
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  const listens = await new Promise<boolean>((resolve) => {
    server.once("error", () => resolve(false)).listen(port, "127.0.0.1", () => resolve(true));
  });
  if (listens) await new Promise((resolve) => server.close(resolve));
  return listens;
}
