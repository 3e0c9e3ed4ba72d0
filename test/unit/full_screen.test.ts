/** What a full screen is made of: columns, keys, and the lines that are drawn. */

import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { cell, columnsOf, fit, wrap } from "../../src/cli/columns.ts";
import { FullScreen, lineOf, plainText } from "../../src/cli/full_screen.ts";
import { keysOf } from "../../src/cli/keys.ts";
import { FakeOutput } from "../helpers/fake_terminal.ts";
import { screenOf } from "../helpers/screen.ts";

test("columns: how wide text is, also of East Asia, with emoji and with marks over a letter", () => {
  for (
    const [text, columns] of [["", 0], ["plain", 5], ["ä", 1], ["a\u0308", 1], ["日本", 4], ["한", 2], ["🚀", 2], [
      "…≤▼",
      3,
    ]] as const
  ) {
    assertEquals(columnsOf(text), columns, text);
  }
});

test("columns: text is cut to what fits, and no wide character is cut in half", () => {
  assertEquals(fit("abc", 3), "abc");
  assertEquals(fit("abcd", 3), "ab…");
  assertEquals(fit("abcd", 3, "end"), "…cd");
  assertEquals(fit("日本語", 6), "日本語");
  assertEquals(fit("日本語", 5), "日本…");
  assertEquals(fit("日本語", 4), "日…");
  assertEquals(fit("日本語", 4, "end"), "…語");
  assertEquals(fit("abc", 1), "…");
  assertEquals(fit("abc", 0), "");
  assertEquals(cell("日本語", 6), "日本語");
  assertEquals(cell("日本語", 4), "日… ");
  assertEquals([cell("7", 3, "right"), cell("7", 3), cell("7777", 3, "right")], ["  7", "7  ", "77…"]);
});

test("columns: lines break between words, and the last has what fits", () => {
  assertEquals(wrap("one two three", 20, 2), ["one two three"]);
  assertEquals(wrap("one two three", 7, 3), ["one two", "three"]);
  assertEquals(wrap("one two three four", 7, 2), ["one two", "three …"]);
  assertEquals(wrap("wonderful", 4, 2), ["won…"]);
});

test("keys: characters, arrows of all terminals, and sequences in any parts", () => {
  const typed = "aä\x1b[A\x1bOB\x1b[5~\x1b[6~q\x1b[H\x1b[4~\x1b[1;5A\x1b[200~\x1bOPs\x1b\x1b[B\x03\x1b日";
  const keys = ["a", "ä", "up", "down", "page-up", "page-down", "q", "home", "end", "s", "down", "\x03", "日"];
  for (let size = 1; size <= typed.length; size++) {
    const pressed: string[] = [];
    const type = keysOf((key) => pressed.push(key));
    const characters = [...typed];
    for (let at = 0; at < characters.length; at += size) type(characters.slice(at, at + size).join(""));
    assertEquals(pressed, keys, `${size} at a time`);
  }
});

/** A screen of 10 columns. */
function opened(): { output: FakeOutput; screen: FullScreen } {
  const output = new FakeOutput();
  output.isTerminal = true;
  output.columns = 10;
  return { output, screen: new FullScreen(output) };
}

test("a full screen draws lines, and later only those that have changed", async () => {
  const { output, screen } = opened();
  screen.draw([lineOf("one", "bold"), lineOf("two"), lineOf("three")]);
  await settled();
  assertEquals(screenOf(output.text, 10), ["one", "two", "three"]);
  const before = output.text.length;
  screen.draw([lineOf("one", "bold"), lineOf("zwei"), lineOf("three")]);
  await settled();
  const drawn = output.text.slice(before);
  assert(drawn.includes("zwei") && !drawn.includes("one") && !drawn.includes("three"), JSON.stringify(drawn));
  assertEquals(screenOf(output.text, 10), ["one", "zwei", "three"]);
  screen.draw([lineOf("one")]);
  await settled();
  assertEquals(screenOf(output.text, 10), ["one"]);
  // Something else was written over it.
  void output.write("\x1b[1;1Hnoise noise");
  screen.forget();
  screen.draw([lineOf("one")]);
  await settled();
  assertEquals(screenOf(output.text, 10), ["one"]);
});

test("a line is cut at the last column, with its styles", async () => {
  const { output, screen } = opened();
  const line = [
    { text: "日本語 ", style: "bold" },
    { text: "abcdef", style: "reverse" },
    { text: "more", style: "plain" },
  ] as const;
  screen.draw([line]);
  await settled();
  assert(output.text.includes("\x1b[1m日本語 \x1b[0m\x1b[7mab…\x1b[0m"), JSON.stringify(output.text));
  assert(!output.text.includes("more"));
  assertEquals(plainText(line), "日本語 abcdefmore");
});

test("a full screen is given back as it was, once, and nothing is drawn after", async () => {
  const { output, screen } = opened();
  screen.draw([lineOf("one")]);
  await settled();
  screen.close();
  screen.close();
  const { text } = output;
  screen.draw([lineOf("two")]);
  await settled();
  assertEquals(output.text, text);
  for (const mode of ["1049", "25", "7"]) {
    const switches = Array.from(text.matchAll(new RegExp(`\\x1b\\[\\?${mode}([hl])`, "g")), ([, what]) => what);
    assertEquals(switches, mode === "1049" ? ["h", "l"] : ["l", "h"], mode);
  }
  assertEquals(screenOf(text, 10), []);
});

test("while a terminal takes nothing, only the latest lines wait", async () => {
  const { output, screen } = opened();
  let take = (): void => {};
  output.flush = () => new Promise((resolve) => take = resolve);
  screen.draw([lineOf("1")]);
  for (let count = 2; count <= 100; count++) screen.draw([lineOf(`${count}`)]);
  await settled();
  assertEquals(screenOf(output.text, 10), ["1"]);
  take();
  await settled();
  assertEquals(screenOf(output.text, 10), ["100"]);
  assert(!output.text.includes("50"));
});

/** Waits until what was drawn is written. */
function settled(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 1));
}
