/** The command line's listeners, on a fake terminal: which clients are accepted. */

import { test } from "node:test";
import { assertEquals, assertMatch } from "@std/assert";
import { main } from "../../src/cli/main.ts";
import { formatAddress, parseAddress } from "../../src/contract/address.ts";
import { connect } from "../../mod.ts";
import { bytesOf, textOf } from "../helpers/bytes.ts";
import { makeAuthority } from "../helpers/certificates.ts";
import { CommandLine, runCommand, startServer, TESTED } from "../helpers/command_line.ts";
import { TlsFixture } from "../helpers/tls_fixture.ts";
import { FakeTerminal } from "../helpers/fake_terminal.ts";
import { freeUrl } from "../helpers/free_port.ts";
import { LIMITED } from "../helpers/cli.ts";

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

// --- serve ---

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
