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
