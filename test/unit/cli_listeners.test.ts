/** The command line's listeners, on a fake terminal: which clients are accepted, and what happens after a lost connection. */

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
import { formatAddress, parseAddress } from "../../src/contract/address.ts";
import { connect } from "../../mod.ts";
import { serve } from "../../mod.ts";
import { bytesOf, textOf } from "../helpers/bytes.ts";
import { makeAuthority } from "../helpers/certificates.ts";
import { CommandLine, runCommand, startServer, TESTED } from "../helpers/command_line.ts";
import { TlsFixture } from "../helpers/tls_fixture.ts";
import { FakeTerminal } from "../helpers/fake_terminal.ts";
import { freeUrl } from "../helpers/free_port.ts";
import { pause, within } from "../helpers/wait.ts";

const LIMITED = { timeout: 60_000 };

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

// --- credentials ---

/** What reads files, and what it warns of. */
function credentialsOf(files: Record<string, [text: string, mode?: number]>): [Credentials, string[]] {
  const warnings: string[] = [];
  const terminal = new FakeTerminal();
  for (const [name, [text, mode]] of Object.entries(files)) terminal.texts.set(name, { text, mode });
  return [new Credentials(terminal, (file, mode) => void warnings.push(`${file} ${mode}`)), warnings];
}

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

// --- serve ---

/** A `serve` that is open. */
async function serving(
  args: readonly string[],
  files: Record<string, [text: string, mode: number]> = {},
): Promise<{ terminal: FakeTerminal; url: string; code: Promise<number> }> {
  const terminal = new FakeTerminal(...args);
  for (const [name, [text, mode]] of Object.entries(files)) terminal.texts.set(name, { text, mode });
  const code = main(terminal);
  const opened = terminal.stdout.match(/^listening on (\S+).*\n/);
  const ended = code.then(() => Promise.reject(new Error(terminal.stderr.text)));
  const [, url = ""] = await Promise.race([opened, ended]);
  ended.catch(() => {});
  return { terminal, url, code };
}

test(
  "serve: SIGHUP without a listener over TLS says that there is nothing to reload, and serves on",
  LIMITED,
  async () => {
    const { terminal, url, code } = await serving(["tcp://127.0.0.1:0"]);
    terminal.signal("SIGHUP");
    await terminal.stderr.match(/\[info\] mobcast: Nothing to reload: no listener is over TLS\n/);
    const client = new FakeTerminal("pub", url);
    client.stdin.say("still there\n").end();
    assertEquals(await main(client), 0, client.stderr.text);
    terminal.signal("SIGTERM");
    assertEquals(await code, 0);
    assertEquals(terminal.handlers, 0);
  },
);

test(
  "serve: a client with the secret joins, one with another does not; the secret is never shown",
  LIMITED,
  async () => {
    const files = { token: ["open sesame\n", 0o644] } as const;
    const { terminal, url, code } = await serving(["tcp://127.0.0.1:0", "--secret-file", "token"], {
      token: ["open sesame\n", 0o644],
    });
    await terminal.stderr.match(
      /\[warning\] mobcast: Others than its owner may use token \(mode 0644\): chmod 600 token\n/,
    );
    const join = new FakeTerminal("join", url, "--secret-file", "token");
    join.texts.set("token", { text: files.token[0], mode: 0o600 });
    join.stdin.say("hello\n");
    const joined = main(join);
    await join.stdout.match(/hello\n/);
    const pub = new FakeTerminal("pub", url, "--secret-file", "token");
    pub.texts.set("token", { text: files.token[0], mode: 0o640 });
    pub.stdin.say("one\ntwo\n").end();
    assertEquals(await main(pub), 0, pub.stderr.text);
    assertEquals(pub.stderr.text, "mobcast: others than its owner may use token (mode 0640): chmod 600 token\n");
    await join.stdout.match(/two\n/);
    join.signal("SIGINT");
    assertEquals(await joined, 0);
    const few = ["--clients", "5", "--rate", "100", "--seconds", "1"];
    const bench = new FakeTerminal("bench", url, "--secret-file", "token", ...few, "--json");
    bench.texts.set("token", { text: files.token[0], mode: 0o600 });
    assertEquals(await main(bench), 0, bench.stderr.text);
    const wrong = new FakeTerminal("pub", url, "--secret-file", "token");
    wrong.texts.set("token", { text: "open barley\n", mode: 0o600 });
    wrong.stdin.say("one\n").end();
    assertEquals(await main(wrong), 1);
    terminal.signal("SIGTERM");
    assertEquals(await code, 0);
    for (const { stdout, stderr } of [terminal, join, pub, bench, wrong]) {
      for (const { text } of [stdout, stderr]) assertEquals(/sesame|barley/.test(text), false, text);
    }
  },
);

test("serve: --allow and --deny, given once or often; what is no address is exit code 2", LIMITED, async () => {
  const lists = ["--allow", "10.0.0.0/8, 127.0.0.0/8", "--allow", "::1", "--deny", "127.0.0.0/24"];
  const { terminal, url, code } = await serving(["tcp://127.0.0.1:0", ...lists]);
  const denied = new FakeTerminal("pub", url);
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

/** A client's terminal with these files. */
function clientOf(files: ReadonlyMap<string, string>, ...args: readonly string[]): FakeTerminal {
  const terminal = new FakeTerminal(...args);
  for (const [name, text] of files) terminal.texts.set(name, { text, mode: 0o600 });
  return terminal;
}

test(
  "join, pub and bench connect to a listener over TLS, with a certificate where it is asked for",
  LIMITED,
  async () => {
    const authority = await makeAuthority("the test's authority");
    const [server, client] = await Promise.all([authority.issue(), authority.issue({ usage: "client" })]);
    const { terminal, url, code } = await serving(
      ["tls://127.0.0.1:0", "--cert", "cert", "--key", "key", "--ca", "ca"],
      { cert: [server.cert, 0o644], key: [server.key, 0o600], ca: [authority.cert, 0o644] },
    );
    const files = new Map([["ca", authority.cert], ["cert", client.cert], ["key", client.key]]);
    const flags = ["--ca", "ca", "--cert", "cert", "--key", "key"];
    const join = clientOf(files, "join", url, ...flags, "--servername", "localhost");
    join.stdin.say("hello\n");
    const joined = main(join);
    await join.stdout.match(/hello\n/);
    const pub = clientOf(files, "pub", url, ...flags);
    pub.stdin.say("one\ntwo\n").end();
    assertEquals([await main(pub), pub.stderr.text], [0, ""]);
    await join.stdout.match(/two\n/);
    join.signal("SIGINT");
    assertEquals([await joined, join.stderr.text], [0, ""]);
    const few = ["--clients", "5", "--rate", "100", "--seconds", "1"];
    const bench = clientOf(files, "bench", url, ...flags, ...few, "--json");
    assertEquals([await main(bench), bench.stderr.text], [0, ""]);
    assertEquals(JSON.parse(bench.stdout.text).lost, 0);
    assertEquals(/BEGIN/.test(bench.stdout.text), false);
    for (
      const [says, ...args] of [
        ["Cannot connect to", "--ca", "ca", "--cert", "cert", "--key", "key", "--servername", "elsewhere"],
        ["Cannot connect to"],
      ]
    ) {
      const refused = clientOf(files, "pub", url, ...args);
      refused.stdin.say("one\n").end();
      assertEquals(await main(refused), 1, args.join(" "));
      assertMatch(refused.stderr.text, new RegExp(`^mobcast: ${says} [^\\n]+\\n$`));
    }
    // Under TLS 1.3 a client is through before the server has seen that its certificate is missing.
    const unauthenticated = clientOf(files, "pub", url, "--ca", "ca");
    unauthenticated.stdin.say("one\n").end();
    assertEquals(await main(unauthenticated), 1);
    terminal.signal("SIGTERM");
    assertEquals(await code, 0);
    assertEquals(/BEGIN/.test(terminal.stderr.text), false, terminal.stderr.text);
  },
);

test("serve: SIGHUP reads the certificates again; where that fails the old ones stay", LIMITED, async () => {
  const [first, second] = await Promise.all([makeAuthority("the first"), makeAuthority("the second")]);
  const [old, fresh] = await Promise.all([first.issue(), second.issue()]);
  const { terminal, url, code } = await serving(
    ["tls://127.0.0.1:0", "--cert", "cert", "--key", "key"],
    { cert: [old.cert, 0o644], key: [old.key, 0o600] },
  );
  const staying = await connect(url, { tls: { ca: first.cert } });
  terminal.texts.set("cert", { text: fresh.cert, mode: 0o644 });
  terminal.texts.set("key", { text: fresh.key, mode: 0o600 });
  terminal.signal("SIGHUP");
  await terminal.stderr.match(/\[info\] mobcast: Certificates reloaded\n/);
  const incoming = await connect(url, { tls: { ca: second.cert } });
  await incoming.send(bytesOf("nobody was dropped"));
  for await (const message of staying) {
    assertEquals(textOf(message), "nobody was dropped");
    break;
  }
  terminal.texts.set("cert", { text: "-----BEGIN CERTIFICATE-----\nnonsense\n", mode: 0o644 });
  terminal.signal("SIGHUP");
  await terminal.stderr.match(/\[error\] mobcast: Cannot reload certificates, the old ones stay: [^\n]+\n/);
  terminal.texts.delete("key");
  terminal.signal("SIGHUP");
  await terminal.stderr.match(
    /Cannot reload certificates, the old ones stay: [^\n]*Cannot read key: no such file[^\n]*\n/,
  );
  const last = await connect(url, { tls: { ca: second.cert } });
  await Promise.all([staying.close(), incoming.close(), last.close()]);
  terminal.signal("SIGTERM");
  assertEquals(await code, 0);
  assertEquals(/PRIVATE KEY/.test(terminal.stderr.text), false);
});

// --- streams that resume ---

test("serve --resume and sub --resume --reconnect: nothing is missed, or the bytes that are", LIMITED, async () => {
  const server = new FakeTerminal("serve", "tcp://127.0.0.1:0", "--resume", "--history", "1KiB");
  const serving = main(server);
  await server.stdout.match(/^listening on tcp:\/\/127\.0\.0\.1:\d+\?resume=true\n/);
  server.signal("SIGTERM");
  assertEquals(await serving, 0);

  const mob = await serve({ listen: "tcp://127.0.0.1:0", resume: true, history: 1000 });
  const url = mob.urls[0]!.replace("?resume=true", "");
  const terminal = new FakeTerminal("sub", url, "--resume", "--reconnect");
  const code = main(terminal);
  const cut = (): void => mob.connections().forEach(({ token }) => void mob.disconnect(token));
  const say = async (text: string): Promise<void> => {
    mob.publish(text);
    await terminal.stdout.match(new RegExp(`${text}\n`));
  };
  await terminal.stderr.match(/connected/);
  await say("one");
  cut();
  mob.publish("two");
  await say("three");
  assertEquals(terminal.stdout.text, "one\ntwo\nthree\n");
  cut();
  for (let number = 0; number < 20; number++) mob.publish("x".repeat(92));
  await terminal.stderr.match(/^mobcast: missed 1000 bytes of messages, in \d+\.\d s$/m);
  assertEquals(terminal.stderr.text.match(/missed/g)!.length, 1);
  terminal.signal("SIGINT");
  assertEquals(await code, 0);
  await mob.close();
});

// --- join ---

test(
  "join --reconnect: each change and the gap are reported, and lines typed meanwhile are sent",
  LIMITED,
  async () => {
    const url = await freeUrl();
    const first = await serve({ listen: url });
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
    assertMatch(lines[3]!, /^mobcast: missed the messages of at least \d+\.\d s$/);
    assertMatch(terminal.stderr.text, /^mobcast: trying again$/m);
    await second.close();
  },
);

test("join --reconnect: no server at first is an error, an interrupt while it waits is none", LIMITED, async () => {
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

// --- processes ---

for (const runtime of TESTED) {
  test(
    `${runtime}: listeners over TLS and a Unix socket into one mob, with a secret, SIGHUP, and --reconnect`,
    LIMITED,
    async () => {
      await using kit = await TlsFixture.make();
      await kit.write("token", "open sesame\n");
      const token = ["--secret-file", kit.path("token")];
      const local = `unix:${kit.path("socket")}`;
      const args = [await freeUrl("tls"), local, "--unix-mode", "0600", ...kit.flags("server"), ...token];
      await using server = await startServer(runtime, args);
      assertEquals(server.urls[1], formatAddress(parseAddress(local)));
      await using join = new CommandLine(runtime, [
        "join",
        server.url,
        ...kit.flags("client"),
        ...token,
        "--reconnect",
      ]);
      join.write("from join\n");
      await join.match(/from join\n/);
      const sent = await runCommand(runtime, ["pub", local, ...token], "through the socket\n");
      assertEquals([sent.code, sent.stderr], [0, ""]);
      await join.match(/through the socket\n/);
      server.signal("SIGHUP");
      await server.match(/Certificates reloaded/, "stderr");
      const stopped = await server.stop();
      assertEquals(stopped.code, 0, stopped.stderr);
      await join.match(/trying again/, "stderr");
      await using again = await startServer(runtime, args);
      await join.match(/^mobcast: connected to tls:[^\n]+ again$/m, "stderr");
      join.write("from join again\n");
      await join.match(/from join again\n/);
      await join.match(/^mobcast: missed the messages of at least \d+\.\d s$/m, "stderr");
      join.signal("SIGINT");
      assertEquals((await join.exit()).code, 0);
      assertEquals((await again.stop()).code, 0);
      for (const { stdout, stderr } of [server, join, again]) {
        assertEquals(/sesame|PRIVATE/.test(stdout + stderr), false);
      }
    },
  );
}
