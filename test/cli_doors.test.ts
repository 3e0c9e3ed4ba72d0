/** The command line's doors, on a fake terminal: who may come in, with what, and what becomes of a lost connection. */

import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join as joinPath } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { setTimeout } from "node:timers";
import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { processTerminal } from "../adapters/terminal.ts";
import { Credentials } from "../src/cli/credentials.ts";
import { main } from "../src/cli/main.ts";
import { serve } from "../src/serve.ts";
import { textOf } from "./helpers/bytes.ts";
import { FakeTerminal } from "./helpers/fake_terminal.ts";

const LIMITED = { timeout: 60_000 };

function pause(): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, 1));
}

// --- arguments ---

test("doors: options without their door, doors without their options: exit code 2, one line", async () => {
  for (
    const [line, ...parts] of [
      ["--cert c --key k", "'--cert <file>'", "no URL begins with tls:"],
      ["tcp://127.0.0.1:0 unix:x --key k", "'--key <file>'", "no URL begins with tls:"],
      ["--ca c", "'--ca <file>'", "no URL begins with tls:"],
      ["tls://127.0.0.1:0", "'--cert <file>' is missing", "tls:"],
      ["tcp://127.0.0.1:0 tls://127.0.0.1:0 --cert c", "'--key <file>' is missing", "tls:"],
      ["--unix-mode 0660", "'--unix-mode <mode>'", "no URL begins with unix:"],
      ["unix:x --unix-mode 0888", "--unix-mode", "0888", "such as 0660"],
      ["unix:x --unix-mode rw", "--unix-mode", "rw", "such as 0660"],
      ["--allow 10.0.0.0/8,", "--allow", "10.0.0.0/8,::1"],
      ["--deny", "--deny", "missing"],
      ["--servername x", "--servername"],
      ["join --cert c --key k", "'--cert <file>'", "no URL begins with tls:"],
      ["send unix:x --servername s", "'--servername <name>'", "no URL begins with tls:"],
      ["bench --ca c", "'--ca <file>'", "no URL begins with tls:"],
      ["join tls://h --cert c", "'--key <file>' is missing", "--cert needs it"],
      ["bench tls://h --key k", "'--cert <file>' is missing", "--key needs it"],
      ["join --unix-mode 0660", "--unix-mode"],
      ["send --reconnect", "--reconnect"],
    ] as const
  ) {
    const terminal = new FakeTerminal(...line.split(" "));
    assertEquals(await main(terminal), 2, line);
    assertMatch(terminal.stderr.text, /^mobcast: [^\n]+\n$/, line);
    for (const part of parts) assertStringIncludes(terminal.stderr.text, part, line);
    assertEquals(terminal.handlers, 0);
  }
});

test("doors: help fits into 100 columns and shows every option", async () => {
  for (
    const [command, ...flags] of [
      ["serve", "--cert", "--key", "--ca", "--unix-mode", "--allow", "--deny", "--token-file"],
      ["join", "--cert", "--key", "--ca", "--servername", "--token-file", "--reconnect"],
      ["send", "--cert", "--key", "--ca", "--servername", "--token-file"],
      ["bench", "--cert", "--key", "--ca", "--servername", "--token-file"],
    ] as const
  ) {
    const terminal = new FakeTerminal(command, "--help");
    assertEquals(await main(terminal), 0);
    for (const flag of flags) assertStringIncludes(terminal.stdout.text, `  ${flag} `);
    for (const line of terminal.stdout.text.split("\n")) assert(line.length <= 100, line);
  }
});

test("doors: files that cannot be read are exit code 1 and one line that names them", async () => {
  for (
    const line of [
      "tls://127.0.0.1:0 --cert missing --key k",
      "--token-file missing",
      "join --token-file missing",
      "send --token-file missing",
      "bench --token-file missing",
      "join tls://127.0.0.1:1 --ca missing",
      "join tls://127.0.0.1:1 --cert c --key missing",
    ]
  ) {
    const terminal = new FakeTerminal(...line.split(" "));
    for (const file of ["k", "c"]) terminal.texts.set(file, { text: "text", mode: 0o600 });
    terminal.stdin.end();
    assertEquals(await main(terminal), 1, line);
    assertMatch(terminal.stderr.text, /^mobcast: [^\n]*Cannot read missing: no such file\n$/, line);
    assertEquals(terminal.handlers, 0);
  }
});

// --- credentials ---

/** What reads files, and what it warns of. */
function credentialsOf(files: Record<string, [text: string, mode?: number]>): [Credentials, string[]] {
  const warnings: string[] = [];
  const terminal = new FakeTerminal();
  for (const [name, [text, mode]] of Object.entries(files)) terminal.texts.set(name, { text, mode });
  return [new Credentials(terminal, (file, mode) => void warnings.push(`${file} ${mode}`)), warnings];
}

test("credentials: a token is the first line without the spaces around it, and not empty", async () => {
  for (
    const [text, token] of [
      ["open sesame", "open sesame"],
      ["open sesame\n", "open sesame"],
      ["open sesame\r\n", "open sesame"],
      ["\ufeff \topen sesame \nand more", "open sesame"],
    ] as const
  ) {
    const [credentials, warnings] = credentialsOf({ token: [text, 0o600] });
    assertEquals(await credentials.token("token"), token);
    assertEquals(warnings, []);
  }
  for (const text of ["", "\n", " \r\n", "\nsecond line"]) {
    const [credentials] = credentialsOf({ token: [text, 0o600] });
    await assertRejects(
      () => credentials.token("token"),
      Error,
      "Cannot use the token in token: its first line is empty",
    );
  }
  assertEquals(await credentialsOf({})[0].token(undefined), undefined);
});

test("credentials: keys and tokens that others may use are warned of, each time they are read", async () => {
  const [credentials, warnings] = credentialsOf({
    cert: ["C", 0o644],
    ca: ["A", 0o644],
    key: ["K", 0o640],
    mine: ["M", 0o400],
    unknown: ["U"],
    token: ["T", 0o602],
  });
  const lists = { allow: [], deny: [] };
  assertEquals(await credentials.forDoors({ cert: "cert", key: "mine", ...lists }), {
    cert: "C",
    key: "M",
    ca: undefined,
  });
  assertEquals(await credentials.forDoors({ cert: "cert", key: "unknown", ca: "ca", ...lists }), {
    cert: "C",
    key: "U",
    ca: "A",
  });
  assertEquals(warnings, []);
  await credentials.forDoors({ cert: "cert", key: "key", ...lists });
  await credentials.forClient({ cert: "cert", key: "key" });
  await credentials.token("token");
  assertEquals(warnings, ["key 0640", "key 0640", "token 0602"]);
  assertEquals(await credentials.forClient({ tokenFile: "token" }), undefined);
  assertEquals(await credentials.forClient({ servername: "name" }), {
    ca: undefined,
    cert: undefined,
    key: undefined,
    servername: "name",
  });
});

test("the real terminal reads small files with their mode, and no others", async () => {
  const folder = await mkdtemp(joinPath(tmpdir(), "mobcast-"));
  const terminal = processTerminal();
  try {
    const file = joinPath(folder, "file");
    await writeFile(file, "text ü\n");
    for (const mode of [0o600, 0o644]) {
      await chmod(file, mode);
      const expected = process.platform === "win32" ? undefined : mode;
      assertEquals(await terminal.readFile(file), { text: "text ü\n", mode: expected });
    }
    await assertRejects(() => terminal.readFile(folder), Error, `Cannot read ${folder}: it is a directory`);
    const missing = joinPath(folder, "missing");
    await assertRejects(() => terminal.readFile(missing), Error, `Cannot read ${missing}: there is no such file`);
    await writeFile(file, new Uint8Array(1024 * 1024 + 1));
    await assertRejects(() => terminal.readFile(file), Error, "it has more than 1048576 bytes");
  } finally {
    await rm(folder, { recursive: true });
  }
});

// --- serve ---

/** A `serve` that is open. */
async function serving(
  args: readonly string[],
  files: Record<string, [text: string, mode: number]> = {},
): Promise<{ terminal: FakeTerminal; url: string; code: Promise<number> }> {
  const terminal = new FakeTerminal(...args);
  for (const [name, [text, mode]] of Object.entries(files)) terminal.texts.set(name, { text, mode });
  const code = main(terminal);
  const opened = terminal.stdout.match(/^listening on (.+)\n/);
  const ended = code.then(() => Promise.reject(new Error(terminal.stderr.text)));
  const [, url = ""] = await Promise.race([opened, ended]);
  ended.catch(() => {});
  return { terminal, url, code };
}

test("serve: SIGHUP without a door over TLS says that there is nothing to reload, and serves on", LIMITED, async () => {
  const { terminal, url, code } = await serving(["tcp://127.0.0.1:0"]);
  terminal.signal("SIGHUP");
  await terminal.stderr.match(/\[info\] mobcast: Nothing to reload: no door is over TLS\n/);
  const client = new FakeTerminal("send", url);
  client.stdin.say("still there\n").end();
  assertEquals(await main(client), 0, client.stderr.text);
  terminal.signal("SIGTERM");
  assertEquals(await code, 0);
  assertEquals(terminal.handlers, 0);
});

test("serve: who has the token is in, who has another is not; nobody shows it", LIMITED, async () => {
  const files = { token: ["open sesame\n", 0o644] } as const;
  const { terminal, url, code } = await serving(["tcp://127.0.0.1:0", "--token-file", "token"], {
    token: ["open sesame\n", 0o644],
  });
  await terminal.stderr.match(
    /\[warning\] mobcast: Others than its owner may use token \(mode 0644\): chmod 600 token\n/,
  );
  const join = new FakeTerminal("join", url, "--token-file", "token");
  join.texts.set("token", { text: files.token[0], mode: 0o600 });
  join.stdin.say("hello\n");
  const joined = main(join);
  await join.stdout.match(/hello\n/);
  const send = new FakeTerminal("send", url, "--token-file", "token");
  send.texts.set("token", { text: files.token[0], mode: 0o640 });
  send.stdin.say("one\ntwo\n").end();
  assertEquals(await main(send), 0, send.stderr.text);
  assertEquals(send.stderr.text, "mobcast: others than its owner may use token (mode 0640): chmod 600 token\n");
  await join.stdout.match(/two\n/);
  join.signal("SIGINT");
  assertEquals(await joined, 0);
  const bench = new FakeTerminal("bench", url, "--token-file", "token", "--clients", "5", "--seconds", "1", "--json");
  bench.texts.set("token", { text: files.token[0], mode: 0o600 });
  assertEquals(await main(bench), 0, bench.stderr.text);
  const wrong = new FakeTerminal("send", url, "--token-file", "token");
  wrong.texts.set("token", { text: "open barley\n", mode: 0o600 });
  wrong.stdin.say("one\n").end();
  assertEquals(await main(wrong), 1);
  terminal.signal("SIGTERM");
  assertEquals(await code, 0);
  for (const { stdout, stderr } of [terminal, join, send, bench, wrong]) {
    for (const { text } of [stdout, stderr]) assertEquals(/sesame|barley/.test(text), false, text);
  }
});

test("serve: --allow and --deny, given once or often; what is no address is exit code 2", LIMITED, async () => {
  const lists = ["--allow", "10.0.0.0/8, 127.0.0.0/8", "--allow", "::1", "--deny", "127.0.0.0/24"];
  const { terminal, url, code } = await serving(["tcp://127.0.0.1:0", ...lists]);
  const denied = new FakeTerminal("send", url);
  denied.stdin.say("one\n").end();
  assertEquals(await main(denied), 1);
  terminal.signal("SIGTERM");
  assertEquals(await code, 0);
  for (const flag of ["--allow", "--deny"]) {
    const wrong = new FakeTerminal("tcp://127.0.0.1:0", flag, "10.0.0.0/8,10.0.0.0/99");
    assertEquals(await main(wrong), 2);
    assertMatch(wrong.stderr.text, new RegExp(`^mobcast: Cannot use ${flag} [^\\n]*10\\.0\\.0\\.0/99[^\\n]*\\n$`));
  }
});

// --- join ---

test("join --reconnect: each change and the gap are told, and what is typed meanwhile is sent", LIMITED, async () => {
  const first = await serve({ listen: "tcp://127.0.0.1:0" });
  const url = first.urls[0]!;
  const terminal = new FakeTerminal("join", url, "--reconnect");
  const code = main(terminal);
  terminal.stdin.say("one\n");
  await terminal.stdout.match(/one\n/);
  await first.close();
  await terminal.stderr.match(/trying again/);
  terminal.stdin.say("two\n");
  const second = await serve({ listen: url });
  await terminal.stdout.match(/two\n/);
  terminal.signal("SIGINT");
  assertEquals(await code, 0);
  assertEquals(terminal.stdout.text, "one\ntwo\n");
  const lines = terminal.stderr.text.split("\n").filter((line) => !line.includes("trying again"));
  assertEquals(lines, [
    `mobcast: connected to ${url}`,
    `mobcast: lost ${url}: the server ended the connection`,
    `mobcast: connected to ${url} again`,
    lines[3],
    "",
  ]);
  assertMatch(lines[3]!, /^mobcast: missed what was said in \d+\.\d s$/);
  assertMatch(terminal.stderr.text, /^mobcast: trying again in \d+ ms, attempt 1$/m);
  await second.close();
});

test("join --reconnect: nobody there at first is an error, an interrupt while it waits is none", LIMITED, async () => {
  const mob = await serve({ listen: "tcp://127.0.0.1:0" });
  const url = mob.urls[0]!;
  const waiting = new FakeTerminal("join", url, "--reconnect");
  const code = main(waiting);
  const inside = mob.join();
  waiting.stdin.say("hello\n");
  for await (const message of inside) {
    assertEquals(textOf(message), "hello");
    break;
  }
  await mob.close();
  await waiting.stderr.match(/trying again/);
  waiting.signal("SIGINT");
  assertEquals(await code, 0);
  while (waiting.handlers > 0) await pause();
  const nobody = new FakeTerminal("join", url, "--reconnect");
  assertEquals(await main(nobody), 1);
  assertEquals(nobody.stderr.text, `mobcast: Cannot connect to ${url}: connection refused (ECONNREFUSED)\n`);
});
