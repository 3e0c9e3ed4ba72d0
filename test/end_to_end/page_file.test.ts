/** dist/browser.js, which pages load: one file without imports, small, and the same client at work. */

import { test } from "node:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { AwakeClock } from "../../adapters/page/awake_clock.ts";
import { ChunkQueue } from "../../adapters/page/chunk_queue.ts";
import { memoryAdapter } from "../../adapters/memory.ts";
import { serve } from "../../mod.ts";
import { CLIENT_ERRORS } from "../../src/client/client_error.ts";
import { OURS, ROOT } from "../helpers/command_line.ts";
import { freeUrl } from "../helpers/free_port.ts";
import { rejection, within } from "../helpers/wait.ts";

const FILE = join(ROOT, "dist/browser.js");
const LIMITED = { timeout: 60_000 };
const KB = 1024;

/** The most bytes of a page's program, minified and with gzip. */
const PROGRAMS = {
  connect: [30 * KB, 11 * KB],
  connectOnce: [25 * KB, 9 * KB],
} as const;

test("dist/browser.js is one file for pages: no imports, nothing of a runtime, no logging library", () => {
  const text = readFileSync(FILE, "utf8");
  assertMatch(text, /export\s*\{/);
  const foreign = /\bimport\b|\brequire\b|\bprocess\b|\bBuffer\b|node:|[Ll]ogtape|\bDeno\b|\bBun\b|setImmediate/.exec(
    text,
  );
  assertEquals(foreign?.[0], undefined);
});

test("a page's program takes under 25 KB minified and 9 with gzip, under 30 and 11 with reconnecting", {
  ...LIMITED,
  skip: OURS === "node" ? false : "the same file on all: on Node",
}, async () => {
  const { build } = createRequire(import.meta.url)("esbuild");
  const folder = mkdtempSync(join(tmpdir(), "mobcast-page-"));
  try {
    mkdirSync(join(folder, "node_modules"));
    symlinkSync(ROOT, join(folder, "node_modules/mobcast"), "junction");
    for (const [name, [minified, zipped]] of Object.entries(PROGRAMS)) {
      const entry = join(folder, `${name}.js`);
      // For pages the package itself is what they can use of it.
      writeFileSync(entry, `import { ${name} } from "mobcast"; globalThis.join = ${name};`);
      const { outputFiles: [file] } = await build({
        entryPoints: [entry],
        bundle: true,
        minify: true,
        format: "esm",
        platform: "browser",
        write: false,
      });
      const bytes: Uint8Array = file.contents;
      const size = gzipSync(bytes, { level: 9 }).length;
      assert(bytes.length > 10_000 && bytes.length <= minified, `${name} has ${bytes.length} bytes`);
      assert(size <= zipped, `${name} has ${size} bytes with gzip`);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test("dist/browser.js joins a mob, reconnects, and has the errors of the package", {
  ...LIMITED,
  skip: "WebSocket" in globalThis ? false : `Node ${process.versions.node} has no WebSocket: needs Node 22`,
}, async () => {
  const page = await import(pathToFileURL(FILE).href) as typeof import("../../browser.ts");
  assertEquals(page.CLIENT_ERRORS, CLIENT_ERRORS);
  let mob = await serve({ listen: [await freeUrl("ws"), "tcp://127.0.0.1:0"], secret: "s3cret" });
  const [url] = mob.urls;
  const { connect: connectFromHere } = await import("../../mod.ts");
  const other = await connectFromHere(mob.urls[1]!, { secret: "s3cret" });
  const changes: string[] = [];
  const client = await page.connect(url!, {
    secret: "s3cret",
    reconnect: { minDelay: 10, onChange: ({ kind }) => void changes.push(kind) },
  });
  const texts = client.text();
  await client.send("from a page");
  await client.send("x".repeat(300_000));
  for (const receiver of [texts, other.text()]) {
    assertEquals((await within(receiver.next(), "a message")).value, "from a page");
    assertEquals((await within(receiver.next(), "a message")).value?.length, 300_000);
  }
  await other.close();
  await mob.close();
  mob = await serve({ listen: url!, secret: "s3cret" });
  await within(client.send("still here"), "send");
  assertEquals((await within(texts.next(), "a message")).value, "still here");
  assertEquals(await client.close(), { reason: "closed" });
  assertEquals(changes.slice(0, 2), ["connected", "lost"]);

  const wrong = await page.connectOnce(url!, { secret: "wrong" });
  const { reason, error } = await within(wrong.closed, "the end");
  assertEquals([reason, error?.code], ["refused", "REFUSED"]);
  assert(error instanceof page.ClientError);
  await mob.close();

  const refusals: readonly (readonly [unknown, object, RegExp])[] = [
    ["tcp://127.0.0.1:1", {}, /^Cannot connect to tcp:\S+: a WebSocket URL looks like ws:/],
    [8080, {}, /^Cannot connect to 8080: a WebSocket URL looks like ws:/],
    [["ws://a/"], {}, /^Cannot connect to \[object Array\]: a WebSocket URL/],
    ["ws://127.0.0.1:1/", { tls: {} }, /^Cannot use option tls: there is none of that name in connect\(\)$/],
    ["ws://127.0.0.1:1/", { reconnect: { minDelay: 0 } }, /^Cannot use reconnect\.minDelay 0/],
    ["ws://127.0.0.1:1/", { framing: "line" }, /the framing is u64, leave framing out$/],
  ];
  for (const [to, options, says] of refusals) {
    assertMatch((await rejection(page.connect(to as string, options), "connect")).message, says);
  }
  assertMatch(
    (await rejection(page.connectOnce("ws://127.0.0.1:1/", { reconnect: true } as object), "connect")).message,
    /^Cannot use option reconnect: there is none of that name in connectOnce\(\)$/,
  );
});

test("the chunk queue of pages counts what it holds", () => {
  const queue = new ChunkQueue();
  assertEquals([queue.shift(), queue.bytes, queue.retainedBytes], [undefined, 0, 0]);
  for (let size = 1; size <= 3; size++) queue.push(new Uint8Array(size));
  assertEquals([queue.bytes, queue.length, queue.retainedBytes], [6, 3, 6 + 3 * 256]);
  assertEquals([queue.shift()!.length, queue.first!.length, queue.bytes], [1, 2, 5]);
  queue.clear();
  assertEquals([queue.bytes, queue.length, queue.shift(), queue.bytes], [0, 0, undefined, 0]);
});

test("the clock of pages lets a deadline rest that is late after a sleep", () => {
  const adapter = memoryAdapter({ manual: true });
  const clock = new AwakeClock(adapter);
  let ran = 0;
  clock.after(500, () => ran++);
  adapter.advance(499);
  assertEquals(ran, 0);
  adapter.advance(1);
  assertEquals(ran, 1);
  clock.after(500, () => ran++);
  adapter.suspend();
  adapter.advance(60_000);
  adapter.resume();
  assertEquals(ran, 1);
  adapter.advance(1000);
  assertEquals(ran, 2);
  const cancel = clock.after(500, () => ran++);
  adapter.suspend();
  adapter.advance(60_000);
  adapter.resume();
  cancel();
  adapter.advance(60_000);
  assertEquals([ran, adapter.timers], [2, 0]);
});
