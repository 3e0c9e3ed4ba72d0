/** The command `completion`: scripts for shells, made from the commands and options that there are. */

import { test } from "node:test";
import { spawnSync } from "node:child_process";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { main } from "../../src/cli/main.ts";
import { CHOICES, LIMITS } from "../../src/server/options.ts";
import { flagOf } from "../../src/cli/flags.ts";
import { FakeTerminal } from "../helpers/fake_terminal.ts";

/** The script for a shell. */
async function scriptFor(shell: string): Promise<string> {
  const terminal = new FakeTerminal("completion", shell);
  assertEquals([await main(terminal), terminal.stderr.text], [0, ""]);
  return terminal.stdout.text;
}

const COMMANDS = ["serve", "join", "sub", "pub", "bench", "stats", "top", "completion"];

/** Whether there is a bash: a system may have none. */
const hasBash = spawnSync("bash", ["-c", "true"]).status === 0;

test("completion: bash completes commands, options, values and files", {
  skip: hasBash ? false : "this system has no bash",
}, async () => {
  const script = await scriptFor("bash");
  /** What bash offers when the last of these words is being typed. */
  const offered = (...words: string[]): string[] => {
    const complete = `${script}
      COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
      _mobcast
      printf '%s\\n' "\${COMPREPLY[@]}"`;
    const { status, stdout, stderr } = spawnSync("bash", ["-c", complete, "bash", ...words], { encoding: "utf8" });
    assertEquals([status, stderr], [0, ""], words.join(" "));
    return stdout.trim().split("\n");
  };
  const first = offered("mobcast", "");
  for (const name of COMMANDS) assert(first.includes(name), name);
  for (const name of [...Object.keys(LIMITS), ...Object.keys(CHOICES)]) {
    assert(first.includes(flagOf(name)), name);
    assert(offered("mobcast", "serve", flagOf(name)).includes(flagOf(name)), name);
  }
  assertEquals(offered("mobcast", "j"), ["join"]);
  assertEquals(offered("mobcast", "sub", "--ti"), ["--timestamps"]);
  assertEquals(offered("mobcast", "pub", "tcp://h:1", "--no"), ["--no-wait"]);
  assertEquals(offered("mobcast", "--slow-consumer", "b"), ["block"]);
  assertEquals(offered("mobcast", "bench", "--framing", ""), ["u64", "u32"]);
  assertEquals(offered("mobcast", "join", "--framing", "l"), ["line"]);
  assertEquals(offered("mobcast", "sub", "--count", ""), [""]);
  assertEquals(offered("mobcast", "pub", "--file", "/bi"), ["/bin"]);
  assertEquals(offered("mobcast", "completion", ""), ["--help", "bash", "zsh", "fish"]);
});

test("completion: zsh and fish know each command and its options", async () => {
  const zsh = await scriptFor("zsh");
  assertMatch(zsh, /^#compdef mobcast\n/);
  assertStringIncludes(zsh, "'--slow-consumer[over --max-lag]:slow-consumer:(disconnect");
  assertStringIncludes(zsh, "'1:word:(bash zsh fish)'");
  const fish = await scriptFor("fish");
  assertStringIncludes(fish, "-n '__fish_seen_subcommand_from pub' -l file -r -F -d 'send each line of a file'\n");
  for (const name of COMMANDS) {
    assertStringIncludes(zsh, `    ${name}) _arguments `);
    assertStringIncludes(fish, `complete -c mobcast -n __fish_use_subcommand -a ${name} -d '`);
  }
  for (const name of Object.keys(LIMITS)) {
    assertStringIncludes(zsh, `'${flagOf(name)}[`);
    assertStringIncludes(fish, ` -l ${flagOf(name).slice(2)} -x -d '`);
  }
});

test("completion: another shell, or none, is wrong usage", async () => {
  for (const [args, part] of [[["tcsh"], "bash, zsh, fish"], [[], "missing"]] as const) {
    const terminal = new FakeTerminal("completion", ...args);
    assertEquals(await main(terminal), 2);
    assertMatch(terminal.stderr.text, /^mobcast: [^\n]+\n$/);
    assertStringIncludes(terminal.stderr.text, part);
  }
});
