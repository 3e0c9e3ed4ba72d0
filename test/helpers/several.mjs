// Runs several test files in one process of Node, which takes one file alone: `node --import ./test/helpers/typescript.mjs test/helpers/several.mjs FILE ...`.

import { resolve } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { pathToFileURL } from "node:url";

for (const file of process.argv.slice(2)) {
  await import(pathToFileURL(resolve(file)).href).catch((error) => {
    test(`${file} loads`, () => {
      throw error;
    });
  });
}

// Node (20.20, 22.23 and 24.21) now and then never ends when nothing is left to do: it frees itself, and spins in
// CleanupHandles for a request that never comes back. So it ends at once then, after all other listeners; what keeps a process
// still keeps it.
process.once("beforeExit", () => process.once("exit", () => process.exit()));
