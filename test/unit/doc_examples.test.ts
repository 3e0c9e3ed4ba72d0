/** Every example in the documents and in the comments of the public code runs on the runtime at hand. */

import { after, before, test } from "node:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { assert } from "@std/assert";
import { OURS } from "../helpers/command_line.ts";
import { freePort } from "../helpers/free_port.ts";
import { within } from "../helpers/wait.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** The entries of the package, as sources. */
const ENTRIES = new Map(
  Object.entries<string>(JSON.parse(readFileSync(join(root, "deno.json"), "utf8")).exports).map(
    ([name, path]) => [`mobcast${name.slice(1)}`, pathToFileURL(join(root, path)).href],
  ),
);

function filesOf(folder: string, extension: string): string[] {
  const names = readdirSync(join(root, folder), { recursive: folder !== "." }).map(String);
  return names.filter((name) => name.endsWith(extension)).map((name) => join(folder, name)).sort();
}

/** The examples of a file: where each begins, and its code. Those that need files, for example, say `ignore`. */
function examplesOf(path: string): { readonly where: string; readonly code: string }[] {
  const text = readFileSync(join(root, path), "utf8").replace(/^ *\* ?/gm, (star) => path.endsWith(".ts") ? "" : star);
  return Array.from(text.matchAll(/^```ts\n([\s\S]*?)^```$/gm), ({ index, 1: code }) => {
    return { where: `${path}:${text.slice(0, index).split("\n").length}`, code: code! };
  });
}

/** An adapter runs on its own runtime; that of Node on all. */
const FOREIGN = ["bun", "deno"].filter((name) => name !== OURS).map((name) => join("adapters", `${name}.ts`));

const EXAMPLES = ["mod.ts", "core.ts", "status.ts", "nats.ts", ...filesOf("src", ".ts"), ...filesOf("adapters", ".ts")]
  .filter((path) => !FOREIGN.includes(path))
  .concat(filesOf(".", ".md"), filesOf("docs", ".md"))
  .flatMap(examplesOf);

let folder = "";
before(() => {
  folder = mkdtempSync(join(tmpdir(), "mobcast-examples-"));
});
after(() => rmSync(folder, { recursive: true, force: true }));

test("there are examples in the README, in docs and in comments", () => {
  for (const part of ["README.md:", "docs/library.md:", "mod.ts:", "src/"]) {
    assert(EXAMPLES.some(({ where }) => where.startsWith(part)), part);
  }
});

for (const [index, { where, code }] of EXAMPLES.entries()) {
  test(`the example at ${where} runs`, async () => {
    const ports = new Map<string, number>();
    for (const [port] of code.matchAll(/:[89]\d\d\d\b/g)) ports.set(port, await freePort());
    const text = code
      .replaceAll(/from "(?:@mobcast\/)?(mobcast[\w/]*)"/g, (_, name) => `from ${JSON.stringify(ENTRIES.get(name))}`)
      .replaceAll(/:[89]\d\d\d\b/g, (port) => `:${ports.get(port)}`);
    const path = join(folder, `example_${index}.mts`);
    // What it prints is for readers.
    writeFileSync(path, `const console = { ...globalThis.console, log: (..._: unknown[]) => {} }; ${text}`);
    await within(import(pathToFileURL(path).href), `the example at ${where}`);
  });
}
