/** Errors that no log would show: each kind is printed once, unless the application has configured its log. */

import { test } from "node:test";
import { configureSync, resetSync } from "@logtape/logtape";
import { assertEquals, assertLess, assertMatch } from "@std/assert";
import { memoryAdapter } from "../../adapters/memory.ts";
import { startLogging } from "../../src/cli/logging.ts";
import { logger } from "../../src/logger.ts";
import { serve } from "../../mod.ts";
import { FakeTerminal } from "../helpers/fake_terminal.ts";
import { lineOf, logged } from "../helpers/logged.ts";
import { World } from "../helpers/scripted_server.ts";

/** What is printed while something runs. */
async function printed(run: () => unknown, printing = (text: string): unknown => texts.push(text)): Promise<string[]> {
  const { error } = console;
  console.error = printing as typeof console.error;
  try {
    await run();
  } finally {
    console.error = error;
  }
  return texts.splice(0);
}

const texts: string[] = [];

test("without a configuration of LogTape an error is printed, once for each kind; less than an error is not", async () => {
  const [text, ...more] = await printed(() => {
    for (let count = 0; count < 100; count++) {
      logger.error("Cannot do one thing: {error}, {why}", { error: new Error("broken"), why: count });
    }
    logger.warning("Careful");
  });
  assertEquals(more, []);
  assertMatch(text!, /^mobcast: Cannot do one thing: Error: broken\n[^]*, 0\n\(printed once: configure LogTape/);
  assertEquals((await printed(() => logger.error("Cannot do another: {why}", { why: 1 }))).length, 1);
  const [long] = await printed(() => logger.error("Cannot do long things: {error}", { error: "x".repeat(10_000) }));
  assertLess(long!.length, 2200);
});

test("a standard error that cannot be printed to breaks nothing", async () => {
  await printed(() => logger.error("Cannot print this: {why}", { why: 1 }), () => {
    throw new Error("no space left");
  });
});

test("where LogTape is configured errors go there and none is printed, also when it is to be silent", async () => {
  const silent = { sinks: [], lowestLevel: null };
  const meta = { category: ["logtape", "meta"], ...silent };
  const asked = [{ category: "mobcast", ...silent }, { category: [], ...silent }];
  for (const [index, category] of asked.entries()) {
    configureSync({ sinks: {}, loggers: [category, meta] });
    try {
      assertEquals(await printed(() => logger.error(`Cannot be silent, ${index}: {why}`, { why: 1 })), []);
    } finally {
      resetSync();
    }
  }
  const records = await logged("error", async () => {
    assertEquals(await printed(() => logger.error("Cannot be logged: {why}", { why: 1 })), []);
  });
  assertEquals(records.map(lineOf), ["Cannot be logged: 1"]);
  const terminal = new FakeTerminal();
  const stop = startLogging(terminal, "off", "text");
  try {
    assertEquals(await printed(() => logger.error("Cannot be off: {why}", { why: 1 })), []);
    assertEquals(terminal.stderr.text, "");
  } finally {
    stop();
  }
});

test("hooks that fail are counted, and ten lines of each are logged in ten seconds", async () => {
  let failures = 0;
  const lines = await logged("error", async () => {
    const world = await World.open({
      onJoin: () => Promise.reject(new Error("rejected")),
      onLeave: () => {
        throw new Error("thrown");
      },
    } as object);
    for (let count = 0; count < 100; count++) world.join();
    world.run();
    const closing = world.mob.close({ drain: 0 });
    world.run();
    await closing;
    failures = world.mob.stats().hookFailures;
  });
  assertEquals(failures, 200);
  assertEquals(lines.length, 20);
  assertMatch(lineOf(lines[0]!), /^Cannot run on(Join|Leave) of the application: /);
});

test("a listener that cannot be closed is an error in the log, and the mob ends", async () => {
  const inner = memoryAdapter();
  const adapter: typeof inner = {
    ...inner,
    async listen(...args) {
      const socket = await inner.listen(...args);
      return { ...socket, close: () => socket.close().then(() => Promise.reject(new Error("permission denied"))) };
    },
  };
  const lines = await logged("error", async () => {
    const mob = await serve({ adapter, listen: "tcp://127.0.0.1:7001" });
    await mob.close();
  });
  assertEquals(lines.map(lineOf), ["Cannot close the listener tcp://127.0.0.1:7001: Error: permission denied"]);
});
