/** The log before LogTape is loaded: nothing is lost, nothing waits for long, and what is not wanted is not kept. */

import { test } from "node:test";
import { assertEquals, assertMatch } from "@std/assert";
import { MOST_EARLY, startLoggingSoon } from "../../src/cli/early_log.ts";
import { logger } from "../../src/logger.ts";
import { FakeTerminal } from "../helpers/fake_terminal.ts";

/** A terminal of which a test says when time has passed. */
class SlowTerminal extends FakeTerminal {
  #run: (() => void) | undefined;

  override after(_: number, run: () => void): () => void {
    this.#run = run;
    return () => this.#run = undefined;
  }

  /** The time is over. */
  pass(): void {
    this.#run?.();
  }
}

/** The messages of the lines. */
function messagesOf(terminal: FakeTerminal): unknown[] {
  return terminal.stderr.text.trimEnd().split("\n").map((line) => JSON.parse(line).message);
}

test("lines before LogTape is loaded are written in their order, with what was true then", async () => {
  const terminal = new SlowTerminal();
  const log = startLoggingSoon(terminal, "info", "json");
  let count = 1;
  logger.debug("Not wanted");
  logger.info("There is {count}", () => ({ count }));
  count = 2;
  logger.warning("Careful");
  logger.error("Cannot do {what}", { what: "this" });
  assertEquals(terminal.stderr.text, "");
  terminal.pass();
  await terminal.stderr.match(/Cannot do/);
  logger.info("Now {count}", { count });
  logger.debug("Never wanted");
  await log.end();
  assertEquals(messagesOf(terminal), ["There is 1", "Careful", "Cannot do this", "Now 2"]);
});

test("a server that ends at once writes its lines, and loads nothing when it has none", async () => {
  const terminal = new SlowTerminal();
  const log = startLoggingSoon(terminal, "debug", "json");
  logger.debug("Started");
  await log.end();
  assertEquals(messagesOf(terminal), ["Started"]);
  terminal.pass();
  const other = new SlowTerminal();
  const { length } = terminal.stderr.text;
  await startLoggingSoon(other, "debug", "json").end();
  logger.info("Nobody hears this");
  assertEquals([other.stderr.text, terminal.stderr.text.length], ["", length]);
});

test("what is kept has a bound, and the count stands for the rest", async () => {
  const terminal = new SlowTerminal();
  const log = startLoggingSoon(terminal, "info", "json");
  for (let count = 1; count <= MOST_EARLY + 5; count++) logger.info("Line {count}", { count });
  await log.end();
  assertEquals(messagesOf(terminal).slice(-2), [`Line ${MOST_EARLY}`, "5 log lines could not be written"]);
});

test("with the log off no line is kept, written or printed", async () => {
  const terminal = new SlowTerminal();
  const printed: unknown[] = [];
  const { error } = console;
  console.error = (text) => printed.push(text);
  try {
    const log = startLoggingSoon(terminal, "off", "text");
    logger.error("Cannot be heard: {why}", { why: "it is off" });
    terminal.pass();
    await log.end();
    assertEquals([terminal.stderr.text, printed], ["", []]);
    // Afterwards the library is as it was.
    logger.error("Can be heard: {why}", { why: "it is over" });
    assertMatch(String(printed), /Can be heard: it is over/);
  } finally {
    console.error = error;
  }
});
