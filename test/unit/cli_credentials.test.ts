/** Credentials and listeners of the command line: arguments, files, and the real terminal that reads them. */

import { existsSync, readdirSync, readlinkSync } from "node:fs";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join as joinPath } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { processTerminal } from "../../adapters/process/terminal.ts";
import { Credentials } from "../../src/cli/credentials.ts";
import { main } from "../../src/cli/main.ts";
import { FakeTerminal } from "../helpers/fake_terminal.ts";
import { pause, within } from "../helpers/wait.ts";

// --- arguments ---

test("listeners: options without their listener, listeners without their options: exit code 2, one line", async () => {
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
      ["pub unix:x --servername s", "'--servername <name>'", "no URL begins with tls:"],
      ["bench --ca c", "'--ca <file>'", "no URL begins with tls:"],
      ["join tls://h --cert c", "'--key <file>' is missing", "--cert needs it"],
      ["bench tls://h --key k", "'--cert <file>' is missing", "--key needs it"],
      ["join --unix-mode 0660", "--unix-mode"],
      ["pub --reconnect", "--reconnect"],
    ] as const
  ) {
    const terminal = new FakeTerminal(...line.split(" "));
    assertEquals(await main(terminal), 2, line);
    assertMatch(terminal.stderr.text, /^mobcast: [^\n]+\n$/, line);
    for (const part of parts) assertStringIncludes(terminal.stderr.text, part, line);
    assertEquals(terminal.handlers, 0);
  }
});

test("listeners: help fits into 100 columns and shows every option", async () => {
  for (
    const [command, ...flags] of [
      ["serve", "--cert", "--key", "--ca", "--unix-mode", "--allow", "--deny", "--secret-file"],
      ["join", "--cert", "--key", "--ca", "--servername", "--secret-file", "--reconnect"],
      ["sub", "--cert", "--key", "--ca", "--servername", "--secret-file", "--count", "--for", "--json", "--raw"],
      ["pub", "--cert", "--key", "--ca", "--servername", "--secret-file", "--file", "--rate", "--no-wait"],
      ["bench", "--cert", "--key", "--ca", "--servername", "--secret-file"],
    ] as const
  ) {
    const terminal = new FakeTerminal(command, "--help");
    assertEquals(await main(terminal), 0);
    for (const flag of flags) assertStringIncludes(terminal.stdout.text, `  ${flag} `);
    for (const line of terminal.stdout.text.split("\n")) assert(line.length <= 100, line);
  }
});

test("listeners: files that cannot be read are exit code 1 and one line that names them", async () => {
  for (
    const line of [
      "tls://127.0.0.1:0 --cert missing --key k",
      "--secret-file missing",
      "join --secret-file missing",
      "pub --secret-file missing",
      "sub --secret-file missing",
      "bench --secret-file missing",
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

/** What reads files, and what it warns of. */
function credentialsOf(files: Record<string, [text: string, mode?: number]>): [Credentials, string[]] {
  const warnings: string[] = [];
  const terminal = new FakeTerminal();
  for (const [name, [text, mode]] of Object.entries(files)) terminal.texts.set(name, { text, mode });
  return [new Credentials(terminal, (file, mode) => void warnings.push(`${file} ${mode}`)), warnings];
}

// --- credentials ---

test("credentials: a secret is the first line without the spaces around it, and not empty", async () => {
  for (
    const [text, token] of [
      ["open sesame", "open sesame"],
      ["open sesame\n", "open sesame"],
      ["open sesame\r\n", "open sesame"],
      ["\ufeff \topen sesame \nand more", "open sesame"],
    ] as const
  ) {
    const [credentials, warnings] = credentialsOf({ token: [text, 0o600] });
    assertEquals(await credentials.secret("token"), token);
    assertEquals(warnings, []);
  }
  for (const text of ["", "\n", " \r\n", "\nsecond line"]) {
    const [credentials] = credentialsOf({ token: [text, 0o600] });
    await assertRejects(
      () => credentials.secret("token"),
      Error,
      "Cannot use the secret in token: its first line is empty",
    );
  }
  assertEquals(await credentialsOf({})[0].secret(undefined), undefined);
});

test("credentials: keys and secrets that other users may read cause a warning, each time they are read", async () => {
  const [credentials, warnings] = credentialsOf({
    cert: ["C", 0o644],
    ca: ["A", 0o644],
    key: ["K", 0o640],
    mine: ["M", 0o400],
    unknown: ["U"],
    token: ["T", 0o602],
  });
  const lists = { allow: [], deny: [], origin: [], statusAllow: [], statusDeny: [], statusHost: [] };
  assertEquals(await credentials.forListeners({ cert: "cert", key: "mine", ...lists }), {
    cert: "C",
    key: "M",
    ca: undefined,
  });
  assertEquals(await credentials.forListeners({ cert: "cert", key: "unknown", ca: "ca", ...lists }), {
    cert: "C",
    key: "U",
    ca: "A",
  });
  assertEquals(warnings, []);
  await credentials.forListeners({ cert: "cert", key: "key", ...lists });
  await credentials.forClient({ cert: "cert", key: "key" });
  await credentials.secret("token");
  assertEquals(warnings, ["key 0640", "key 0640", "token 0602"]);
  assertEquals(await credentials.forClient({ secretFile: "token" }), undefined);
  assertEquals(await credentials.forClient({ servername: "name" }), {
    ca: undefined,
    cert: undefined,
    key: undefined,
    servername: "name",
  });
});

/** What this process has open in a folder, where the system shows it. */
function openIn(folder: string): string[] {
  if (!existsSync("/proc/self/fd")) return [];
  return readdirSync("/proc/self/fd").flatMap((name) => {
    try {
      return [readlinkSync(`/proc/self/fd/${name}`)].filter((path) => path.startsWith(folder));
    } catch {
      // The directory itself, which is closed again.
      return [];
    }
  });
}

test("the real terminal hears signals until it is told not to, and ignores them from then on", {
  skip: process.platform === "win32" && "it has none",
}, async () => {
  let heard = 0;
  const undo = processTerminal().onSignal("SIGUSR2", () => heard++);
  // Registered later, so it is told later.
  let tell = (): void => {};
  const guard = (): void => tell();
  process.on("SIGUSR2", guard);
  const send = async (): Promise<void> => {
    const told = new Promise<void>((resolve) => tell = resolve);
    process.kill(process.pid, "SIGUSR2");
    await within(told, "a signal");
  };
  await send();
  assertEquals(heard, 1);
  undo();
  await send();
  assertEquals(heard, 1);
  process.off("SIGUSR2", guard);
  // Without any handler it would end the process.
  process.kill(process.pid, "SIGUSR2");
  await pause(20);
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
    assertEquals(openIn(folder), []);
  } finally {
    await rm(folder, { recursive: true });
  }
});
