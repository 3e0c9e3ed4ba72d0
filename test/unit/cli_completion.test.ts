/** The command `completion`: scripts for shells, made from the commands and options that there are. */

import { test } from "node:test";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { main } from "../../src/cli/main.ts";
import { CHOICES, LIMITS } from "../../src/server/options.ts";
import { flagOf } from "../../src/cli/flags.ts";
import { OURS } from "../helpers/command_line.ts";
import { FakeTerminal } from "../helpers/fake_terminal.ts";

/** The script for a shell. */
async function scriptFor(shell: string): Promise<string> {
  const terminal = new FakeTerminal("completion", shell);
  assertEquals([await main(terminal), terminal.stderr.text], [0, ""]);
  return terminal.stdout.text;
}

const COMMANDS = ["serve", "join", "sub", "pub", "bench", "check", "stats", "top", "completion"];

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
  assertEquals(offered("mobcast", "serve", "--bus-storage", ""), ["memory", "file"]);
  assertEquals(offered("mobcast", "serve", "--bus-nkey-file", "/bi"), ["/bin"]);
  assertEquals(offered("mobcast", "serve", "--bus-r"), ["--bus-replicas"]);
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

/** Why a shell is not tried: the scripts are the same on each runtime, and shells start slowly. */
function without(shell: string): string | false {
  if (OURS !== "node") return "Node tries it";
  return spawnSync(shell, ["--version"]).error === undefined ? false : `this system has no ${shell}`;
}

test("completion: fish completes commands, options, values and files", { skip: without("fish") }, async () => {
  const script = await scriptFor("fish");
  const lines = [
    "mobcast j",
    "mobcast sub --ti",
    "mobcast --slow-consumer b",
    "mobcast bench --framing u3",
    "mobcast pub --file /bi",
  ];
  const ask = lines.map((line) => `complete -C '${line}'`).join("\n");
  const { stdout, stderr } = spawnSync("fish", ["--no-config", "-c", `${script}\n${ask}`], { encoding: "utf8" });
  assertEquals([stdout.trim().split("\n").map((line) => line.split("\t")[0]), stderr], [
    ["join", "--timestamps", "block", "u32", "/bin/"],
    "",
  ]);
});

test("completion: zsh lists commands, options and values", { skip: without("zsh"), timeout: 300_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), "completion-"));
  try {
    writeFileSync(join(folder, "_mobcast"), await scriptFor("zsh"));
    // What is typed, and what is then listed, which is waited for.
    const cases = [
      ["mobcast be", "load a running server"],
      ["mobcast sub --ti", "-- the time in front of each message"],
      ["mobcast --slow-consumer ", "disconnect"],
      ["mobcast completion ", "fish"],
      ["mobcast bench --framing ", "u32"],
    ];
    const program = `zmodload zsh/zpty
      zpty z zsh -f -i
      zpty -w z 'fpath=($FOLDER $fpath); autoload -Uz compinit; compinit -u -D; bindkey "^X" list-choices; echo REA""DY'
      zpty -r -m z said '*READY*'
      ${
      cases.map(([line, listed]) =>
        `zpty -w -n z '${line}'$'\\x18'; zpty -r -m z said '*${listed}*' && print -r -- '${listed}'; zpty -w -n z $'\\x15'`
      ).join("\n      ")
    }`;
    const { stdout, stderr } = spawnSync("zsh", ["-f", "-c", program], {
      env: { ...process.env, FOLDER: folder, TERM: "dumb" },
      encoding: "utf8",
      timeout: 280_000,
    });
    assertEquals([stdout.trim().split("\n"), stderr], [cases.map(([, listed]) => listed), ""]);
  } finally {
    rmSync(folder, { recursive: true });
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
