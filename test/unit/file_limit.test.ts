/** The limit of open files, as the adapter of the runtime at hand knows it. */

import { test } from "node:test";
import { existsSync, readFileSync } from "node:fs";
import { assertEquals, assertGreater } from "@std/assert";
import { runtimeAdapter } from "../../adapters/runtime.ts";
import { connectionsThatFit } from "../../adapters/shared/file_limit.ts";

const read = (path: string): string => readFileSync(path, "utf8");

test("an adapter knows how many connections fit under the limit of open files", async () => {
  const { capacity } = await runtimeAdapter();
  assertEquals(capacity, connectionsThatFit(read));
  if (existsSync("/proc/self/limits")) assertGreater(capacity ?? 0, 0);
});

test("the limit is not known where reading it would ask a person for the permission", () => {
  const before = Object.getOwnPropertyDescriptor(globalThis, "Deno");
  const runtimeThat = (state: string): void => {
    const value = { permissions: { querySync: () => ({ state }) } };
    Object.defineProperty(globalThis, "Deno", { value, configurable: true, writable: true });
  };
  try {
    runtimeThat("granted");
    assertEquals(connectionsThatFit(read) !== undefined, existsSync("/proc/self/limits"));
    for (const state of ["prompt", "denied"]) {
      runtimeThat(state);
      assertEquals(connectionsThatFit(read), undefined, state);
    }
  } finally {
    if (before === undefined) Reflect.deleteProperty(globalThis, "Deno");
    else Object.defineProperty(globalThis, "Deno", before);
  }
});
