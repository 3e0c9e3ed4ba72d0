/** `mobcast serve --bus` with real servers of NATS: its ready line, what it says while they are away, and why it does not start. */

import { test } from "node:test";
import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { connect } from "../../mod.ts";
import { CommandLine, OURS, ROOT, runCommand, type ServerProcess, startServer } from "../helpers/command_line.ts";
import { freePort } from "../helpers/free_port.ts";
import { get, HttpClient } from "../helpers/http_client.ts";
import { NatsServer, NO_NATS } from "../helpers/nats_server.ts";
import { TlsFixture } from "../helpers/tls_fixture.ts";
import { pause } from "../helpers/wait.ts";

const WITH_NATS = { skip: NO_NATS, timeout: 60_000 };

/** The URL of a bus. */
function busAt({ port }: NatsServer, name: string = "chat"): string {
  return `nats://127.0.0.1:${port}/${name}`;
}

/** A server with a status, and what asks for that. */
async function startMob(nats: NatsServer, ...args: readonly string[]) {
  const server = await startServer(OURS, ["--bus", busAt(nats), "--status", ":0", ...args]);
  await server.match(/^joined bus .*\n/m);
  const [, port] = /^status on http:\/\/127\.0\.0\.1:(\d+)\/$/m.exec(server.stdout)!;
  const ask = async (path: string): Promise<string> => {
    using client = HttpClient.connect({ host: "127.0.0.1", port: Number(port) });
    return await client.send(get(path, "Connection: close")).over();
  };
  return { server, ask };
}

/** Asks until the answer matches; the limit of the test ends a vain wait. */
async function until(ask: (path: string) => Promise<string>, pattern: RegExp): Promise<void> {
  while (!pattern.test(await ask("/readyz"))) await pause(50);
}

/** Ends a server as a supervisor does. */
async function ends(server: ServerProcess): Promise<void> {
  const { code, stderr } = await server.stop();
  assertEquals(code, 0, stderr);
  assertMatch(stderr, / Closed\n$/);
}

test(
  "two servers on a bus: the ready line, one order, readyz while NATS is stopped, SIGUSR2, SIGTERM",
  WITH_NATS,
  async () => {
    await using nats = await NatsServer.start();
    const { server: one, ask } = await startMob(nats);
    await using _one = one;
    assertMatch(one.stdout, /^listening on tcp:\S+\nstatus on http:\S+\njoined bus chat at 0\n$/);
    const { server: two } = await startMob(nats);
    await using _two = two;
    await using a = await connect(one.url);
    await using b = await connect(two.url);
    await Promise.all([a.send("from a"), b.send("from b")]);
    const heard: string[][] = [[], []];
    const hear = async (count: number): Promise<void> => {
      for (const [index, client] of [a, b].entries()) {
        const texts = client.text();
        for (let left = count; left > 0; left--) heard[index]!.push((await texts.next()).value!);
      }
    };
    await hear(2);
    assertStringIncludes(await ask("/readyz"), "200 OK");
    assertMatch(await ask("/metrics"), /^mobcast_bus_joined\{bus="chat"\} 1$/m);

    await nats.freeze();
    await a.send("while it is stopped");
    await until(ask, / 503 [\s\S]*bus away: \S/);
    assertStringIncludes(await ask("/healthz"), "200 OK");
    await one.tells(/bus chat away for \d+ s at \d+, 1 frame in flight, no gap/);
    nats.signal("SIGCONT");
    await until(ask, / 200 [\s\S]*ready/);
    await hear(1);
    assertEquals(heard[0], heard[1]);
    assertEquals(heard[0]!.toSorted(), ["from a", "from b", "while it is stopped"]);
    assertMatch(one.stderr, /\[warning\] mobcast: The bus is away, what clients send waits: \S/);
    assertMatch(one.stderr, /\[info\] mobcast: The bus is back after \d+(\.\d)? s\n/);
    await Promise.all([a.close(), b.close()]);
    await ends(one);
    await ends(two);
  },
);

test(
  "a NATS that is killed and keeps its stream in a file loses nothing; one in memory is told as a gap",
  WITH_NATS,
  async () => {
    for (const storage of ["file", "memory"] as const) {
      await using nats = await NatsServer.start();
      const { server, ask } = await startMob(nats, "--bus-storage", storage);
      await using _ = server;
      await using client = await connect(server.url);
      const texts = client.text();
      await client.send("before");
      assertEquals((await texts.next()).value, "before");
      await nats.stop("SIGKILL");
      await until(ask, / 503 [\s\S]*bus away: \S/);
      await client.send("meanwhile");
      await nats.start();
      await until(ask, / 200 [\s\S]*ready/);
      if (storage === "file") {
        assertEquals((await texts.next()).value, "meanwhile");
      } else {
        await server.match(
          /\[error\] mobcast: The bus began anew: [^\n]+; all connections are disconnected\n/,
          "stderr",
        );
        await server.match(/\[warning\] mobcast: Removed: [^\n]*, gap /, "stderr");
        assertMatch(await ask("/metrics"), /^mobcast_bus_gaps_total 1$/m);
      }
      await client.close();
      await ends(server);
    }
  },
);

test("credentials: the right ones join, wrong ones and none are one clear line", WITH_NATS, async () => {
  const folder = await mkdtemp(join(tmpdir(), "mobcast-bus-"));
  await using nats = await NatsServer.start({ lines: [`authorization { token: "open sesame" }`] });
  try {
    for (const [name, text] of [["right", "open sesame"], ["wrong", "close sesame"]] as const) {
      await writeFile(join(folder, name), `${text}\n`, { mode: 0o600 });
    }
    const { server } = await startMob(nats, "--bus-token-file", join(folder, "right"));
    await using _ = server;
    await ends(server);
    for (const flags of [[], ["--bus-token-file", join(folder, "wrong")]]) {
      const { code, stdout, stderr } = await runCommand(OURS, ["serve", ":0", "--bus", busAt(nats), ...flags]);
      assertEquals([code, stdout, stderr], [1, "", "mobcast: Cannot join bus chat: Authorization Violation\n"]);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test(
  "a bus that cannot be joined is exit code 1 and one line: no server, and a stream of other mobs",
  WITH_NATS,
  async () => {
    const port = await freePort();
    const { code, stdout, stderr } = await runCommand(OURS, ["serve", ":0", "--bus", `nats://127.0.0.1:${port}/chat`]);
    assertEquals([code, stdout, stderr], [1, "", "mobcast: Cannot join bus chat: connection refused\n"]);
    await using nats = await NatsServer.start();
    const { server } = await startMob(nats);
    await using _ = server;
    for (
      const [flags, what] of [[["--framing", "line"], "framing u64"], [
        ["--bus-keep", "1GiB"],
        "bytes to keep",
      ]] as const
    ) {
      const other = await runCommand(OURS, ["serve", ":0", "--bus", busAt(nats), ...flags]);
      assertEquals([other.code, other.stdout], [1, ""]);
      assertMatch(
        other.stderr,
        /^mobcast: Cannot join bus chat: its stream mobcast_chat has [^\n]+, and this mob [^\n]+\n$/,
      );
      assertStringIncludes(other.stderr, what);
    }
    await ends(server);
  },
);

test("over TLS: the authority of a file, a certificate, an nkey; without them it is one line", WITH_NATS, async () => {
  await using kit = await TlsFixture.make();
  const files = [
    "cert_file: " + kit.path("server.pem"),
    "key_file: " + kit.path("server.key"),
    "ca_file: " + kit.path("ca.pem"),
  ];
  const lines = [
    `tls { ${files.map((file) => file.replace(/: (.*)/, ': "$1"')).join(", ")}, verify: true }`,
    // The seed of this key is no secret: it is that of the documentation of NATS.
    `authorization { users: [{ nkey: UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4 }] }`,
  ];
  await using nats = await NatsServer.start({ lines });
  await kit.write("seed", "SUACSSL3UAHUDXKFSNVUZRF5UHPMWZ6BFDTJ7M6USDXIEDNPPQYYYCU3VY\n");
  const url = `tls://127.0.0.1:${nats.port}/chat`;
  const ca = ["--bus-ca", kit.path("ca.pem")];
  const certificate = ["--bus-cert", kit.path("client.pem"), "--bus-key", kit.path("client.key")];
  const nkey = ["--bus-nkey-file", kit.path("seed")];
  await using server = await startServer(OURS, ["--bus", url, ...ca, ...certificate, ...nkey]);
  await server.match(/^joined bus chat at 0\n/m);
  await ends(server);
  for (
    const [flags, why] of [
      [[...certificate, ...nkey], /the server's certificate cannot be verified: its authority is not trusted here/],
      [[...ca, ...nkey], /./],
      [[...ca, ...certificate], /Authorization Violation/],
    ] as const
  ) {
    const { code, stdout, stderr } = await runCommand(OURS, ["serve", ":0", "--bus", url, ...flags]);
    assertEquals([code, stdout], [1, ""], stderr);
    assertMatch(stderr, /^mobcast: Cannot join bus chat: [^\n]+\n$/);
    assertMatch(stderr, why);
  }
});

test("without the packages of NATS it is one line with what installs them, and exit code 2", {
  skip: OURS === "node" ? false : "Bun and Deno install what is missing: on Node",
  timeout: 60_000,
}, async () => {
  const folder = await mkdtemp(join(tmpdir(), "mobcast-bus-"));
  try {
    await cp(join(ROOT, "dist/bin"), join(folder, "dist/bin"), { recursive: true });
    await cp(join(ROOT, "package.json"), join(folder, "package.json"));
    const args = ["serve", "tcp://127.0.0.1:0", "--bus", "nats://127.0.0.1/chat"];
    await using command = new CommandLine(OURS, args, ["node", join(folder, "dist/bin/bin.js")]);
    const { code, stdout, stderr } = await command.exit();
    assertEquals([code, stdout], [2, ""]);
    assertEquals(
      stderr,
      "mobcast: Cannot use a bus: its packages are not there, npm install @nats-io/transport-node @nats-io/jetstream\n",
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
