/**
 * Listeners through Unix sockets on the runtime at hand, each in a directory of its own.
 *
 * @module
 */

import { test } from "node:test";
import { lstatSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { assertEquals } from "@std/assert";
import { connect, type Mob, serve, type ServeOptions } from "../../mod.ts";
import { bytesOf, textOf } from "./bytes.ts";

/** The folder of the project. */
export const root: URL = new URL("../../", import.meta.url);

/** One case, with a directory of its own. */
export function case_(fact: string, run: (directory: string) => Promise<void>): void {
  test(`unix: ${fact}`, { timeout: 60_000 }, async () => {
    const directory = mkdtempSync(join(tmpdir(), "mobcast-"));
    try {
      await run(directory);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
}

/** Fails unless a frame goes round. */
export async function assertOpen(url: string): Promise<void> {
  await using client = await connect(url);
  await client.send(bytesOf("hello"));
  for await (const message of client) {
    assertEquals(textOf(message), "hello");
    break;
  }
}

/** Opens a mob with one listener. */
export function open(url: string, options: ServeOptions = {}): Promise<Mob> {
  return serve({ ...options, listen: url });
}

/** The mode bits of a file, as text. */
export function modeOf(path: string): string {
  return (lstatSync(path).mode & 0o777).toString(8);
}
