/** The man page is made from the options that the command has, and shows as it should. */

import { test } from "node:test";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { assert, assertEquals } from "@std/assert";
import { manPage } from "../../packaging/man_page.ts";
import { CHOICES, LIMITS } from "../../src/server/options.ts";
import { flagOf } from "../../src/cli/flags.ts";
import { VERSION } from "../../src/version.ts";
import { FakeTerminal } from "../helpers/fake_terminal.ts";
import { main } from "../../src/cli/main.ts";

const FILE = new URL("../../packaging/mobcast.1", import.meta.url);

test("the man page is up to date", () => {
  assert(readFileSync(FILE, "utf8") === manPage(), "packaging/mobcast.1 is not what the options say: npm run man");
});

/** Whether there is a groff: a system may have none. */
const hasGroff = spawnSync("groff", ["--version"]).status === 0;

/** The page as a terminal shows it, in lines of any length, with one space for several. */
function shown(): string {
  const { status, stdout, stderr } = spawnSync(
    "groff",
    ["-man", "-Tutf8", "-ww", "-P-cbou", "-rLL=300n", fileURLToPath(FILE)],
    { encoding: "utf8" },
  );
  assertEquals([status, stderr], [0, ""]);
  return stdout.replace(/ +/g, " ");
}

test("the man page shows without a warning, with each command and what its help says of each option", {
  skip: hasGroff ? false : "this system has no groff",
}, async () => {
  const page = shown();
  assert(page.includes(`mobcast ${VERSION}`));
  for (const name of [...Object.keys(LIMITS), ...Object.keys(CHOICES)]) assert(page.includes(flagOf(name)), name);
  for (const name of ["serve", "join", "sub", "pub", "bench", "check", "stats", "top", "completion"]) {
    const terminal = new FakeTerminal(name, "--help");
    terminal.stdout.columns = 1000;
    assertEquals(await main(terminal), 0);
    const lines = terminal.stdout.text.split("\n");
    const options = lines.flatMap((line) => /^ {2}--\S+(?: <\S+>)? {2,}(.*)$/.exec(line)?.[1] ?? []);
    // Completion has no options but for its help.
    assert(options.length >= (name === "completion" ? 0 : 5), `${name}: ${options.length} options`);
    // The synopsis has the same line.
    const section = page.split(`\n mobcast ${name} `).at(-1)!.split(/\n mobcast |\nOPTIONS/)[0]!;
    for (const about of options) assert(section.includes(about), `${name}: ${about}`);
  }
});
