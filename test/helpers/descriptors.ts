/** How many files and sockets this process has open, where the system shows it. */

import { existsSync, readdirSync } from "node:fs";
import { nextTick as tickOfNode } from "node:process";
import { assertLessOrEqual } from "@std/assert";
import { asked, nextTick, pause } from "./wait.ts";

const FOLDER = "/proc/self/fd";

/** The count; 0 where it is not shown. */
export function descriptors(): number {
  return existsSync(FOLDER) ? readdirSync(FOLDER).length : 0;
}

/** Fails unless there are no more than `before`, soon. */
export async function assertNoMoreDescriptors(before: number, what: string): Promise<void> {
  assertLessOrEqual(await asked(descriptors, (count) => count <= before), before, `descriptors ${what}`);
}

/** Moments after a call, by name: what it does may be half done in any of them. */
export const MOMENTS: Readonly<Record<string, () => Promise<void>>> = {
  "at once": () => Promise.resolve(),
  "a tick of Node later": () => new Promise((resolve) => tickOfNode(resolve)),
  "two ticks of Node later": () => new Promise((resolve) => tickOfNode(() => tickOfNode(resolve))),
  "a tick of the event loop later": nextTick,
  "a millisecond later": () => pause(1),
};
