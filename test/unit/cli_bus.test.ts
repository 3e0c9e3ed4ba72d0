/** The bus on the command line: its flags, its files, and what is said when it cannot be joined. */

import { test } from "node:test";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { memoryAdapter } from "../../adapters/memory.ts";
import { busRelay } from "../../src/bus/bus.ts";
import { main } from "../../src/cli/main.ts";
import type { BusOfTerminal } from "../../src/cli/terminal.ts";
import { FakeTerminal } from "../helpers/fake_terminal.ts";
import { MemoryBus, type MemoryChannel } from "../helpers/memory_bus.ts";

const LIMITED = { timeout: 20_000 };

/** A terminal on which `serve` runs on a bus in memory. */
function terminalOf(line: string, files: Readonly<Record<string, readonly [text: string, mode: number]>> = {}) {
  const terminal = new FakeTerminal("serve", "tcp://127.0.0.1:0", ...line.split(" "));
  const channel = new MemoryBus().channel();
  terminal.relay = busRelay(channel);
  terminal.adapter = () => Promise.resolve(memoryAdapter());
  for (const [name, [text, mode]] of Object.entries(files)) terminal.texts.set(name, { text, mode });
  return { terminal, channel };
}

/** What the terminal was asked for until the server was ready, and was then stopped. */
async function asked(
  ...given: Parameters<typeof terminalOf>
): Promise<[FakeTerminal, ...FakeTerminal["buses"][number]]> {
  const { terminal } = terminalOf(...given);
  const running = main(terminal);
  await Promise.race([terminal.stdout.match(/^joined bus .*\n/m), running]);
  terminal.signal("SIGTERM");
  assertEquals(await running, 0, terminal.stderr.text);
  assertEquals(terminal.buses.length, 1);
  return [terminal, ...terminal.buses[0]!];
}

function busOf(changes: Partial<BusOfTerminal> = {}): BusOfTerminal {
  const stream = { storage: undefined, replicas: undefined, keep: undefined };
  const nobody = { token: undefined, user: undefined, password: undefined, nkey: undefined, creds: undefined };
  return { name: "chat", ...stream, ...nobody, tls: undefined, ...changes };
}

test(
  "--bus: servers with and without a port, and the name; ready behind the listeners, with the place",
  LIMITED,
  async () => {
    const [terminal, servers, bus] = await asked("--bus nats://127.0.0.1,localhost:4333,[::1]/chat");
    assertEquals(servers, ["nats://127.0.0.1:4222", "nats://localhost:4333", "nats://[::1]:4222"]);
    assertEquals(bus, busOf());
    assertMatch(terminal.stdout.text, /^listening on tcp:\S+\njoined bus memory at 0\n$/);
    assertStringIncludes(terminal.stderr.text, "Joined the bus memory at 0");
    assert(!terminal.stderr.text.includes("Exposed"));
  },
);

test("--bus: storage, replicas and how much is kept; credentials from files", LIMITED, async () => {
  const [, , bus] = await asked("--bus nats://127.0.0.1/chat --bus-storage file --bus-replicas 3 --bus-keep 1GiB");
  assertEquals(bus, busOf({ storage: "file", replicas: 3, keep: 2 ** 30 }));
  const files = {
    token: ["open sesame\n", 0o600],
    user: ["mob:pass:word \n", 0o600],
    seed: ["SUAGMJH5XLGZKQQWAWKRZJIGMOU4HPFUYLXJMXOO5NLFEO2OOQJ5LPRDPM\n", 0o600],
    creds: ["-----BEGIN NATS USER JWT-----\neyJ\n", 0o600],
  } as const;
  for (
    const [flag, expected] of [
      ["--bus-token-file token", { token: "open sesame" }],
      ["--bus-user-file user", { user: "mob", password: "pass:word" }],
      ["--bus-nkey-file seed", { nkey: files.seed[0].trim() }],
      ["--bus-creds creds", { creds: files.creds[0] }],
    ] as const
  ) {
    const [terminal, , who] = await asked(`--bus nats://127.0.0.1/chat ${flag}`, files);
    assertEquals(who, busOf(expected));
    for (const [text] of Object.values(files)) assert(!terminal.stderr.text.includes(text.trim()), flag);
  }
});

test("--bus over TLS: the runtime's authorities, or those of files", LIMITED, async () => {
  const files = { ca: ["CA", 0o644], cert: ["CERT", 0o644], key: ["KEY", 0o600] } as const;
  const [, plain, { tls }] = await asked("--bus tls://bus.example/chat");
  assertEquals([plain, tls], [["tls://bus.example:4222"], undefined]);
  const flags = "--bus tls://bus.example/chat --bus-ca ca --bus-cert cert --bus-key key";
  const [, , bus] = await asked(flags, files);
  assertEquals(bus, busOf({ tls: { ca: "CA", cert: "CERT", key: "KEY" } }));
});

test("files of the bus that others may use cause a warning, as the secret does", LIMITED, async () => {
  const text = ["text:text", 0o644] as const;
  for (const flag of ["--bus-token-file", "--bus-user-file", "--bus-nkey-file", "--bus-creds"]) {
    const [terminal] = await asked(`--bus nats://127.0.0.1/chat ${flag} file`, { file: text });
    assertStringIncludes(terminal.stderr.text, "Others than its owner may use file (mode 0644): chmod 600 file");
  }
});

test("a bus off loopback without TLS is warned of, and no secret goes there", LIMITED, async () => {
  const where = "--bus nats://127.0.0.1,10.0.0.7/chat";
  const files = { secret: ["one:two", 0o600] } as const;
  for (const flag of ["", " --bus-nkey-file secret", " --bus-creds secret"]) {
    const [terminal] = await asked(`${where}${flag}`, files);
    assertStringIncludes(
      terminal.stderr.text,
      "Exposed: all frames cross the network to the bus at nats://10.0.0.7:4222 in the clear, use tls://",
    );
  }
  for (const flag of ["--bus-token-file", "--bus-user-file"]) {
    const { terminal } = terminalOf(`${where} ${flag} secret`, files);
    assertEquals([await main(terminal), terminal.buses], [1, []]);
    assertEquals(
      terminal.stderr.text,
      "mobcast: Cannot join the bus at nats://10.0.0.7:4222: the secret would cross the network in the clear, use tls:// " +
        "or an nkey\n",
    );
  }
});

test("wrong flags of the bus are exit code 2 and one line that names them", async () => {
  const bus = "--bus nats://127.0.0.1/chat";
  for (
    const [line, ...parts] of [
      ["--bus nats://127.0.0.1", "--bus", "nats://127.0.0.1:4222/chat"],
      ["--bus 127.0.0.1/chat", "--bus", "such as"],
      ["--bus nats:///chat", "--bus", "such as"],
      ["--bus nats://a,,b/chat", "--bus", `"" is no server`],
      ["--bus nats://a:0/chat", "--bus", `"a:0" is no server`],
      ["--bus nats://a:65536/chat", "--bus", `"a:65536" is no server`],
      ["--bus nats://a/two.words", "--bus", "letters, digits, - and _"],
      ["--bus nats://a/", "--bus", "letters, digits, - and _"],
      ["--bus nats://a/chat?x=1", "--bus", "such as"],
      ["--bus nats://me:secret@a/chat", "--bus", "--bus-user-file"],
      [`${bus} --bus-storage disk`, "--bus-storage", "memory, file"],
      [`${bus} --bus-replicas 6`, "--bus-replicas", "from 1 to 5"],
      [`${bus} --bus-keep 64KiB`, "--bus-keep", "from 4MiB to"],
      [`${bus} --bus-ca ca`, "'--bus-ca <file>'", "--bus does not begin with tls:"],
      ["--bus tls://a/chat --bus-cert c", "'--bus-key <file>' is missing", "--bus-cert needs it"],
      ["--bus tls://a/chat --bus-key k", "'--bus-cert <file>' is missing", "--bus-key needs it"],
      [`${bus} --bus-token-file t --bus-creds c`, "'--bus-creds <file>' is one too many", "--bus-token-file"],
      ...[
        "storage file",
        "replicas 3",
        "keep 1GiB",
        "token-file t",
        "user-file u",
        "nkey-file n",
        "creds c",
        "ca a",
        "cert c",
        "key k",
      ].map((flag) => [`--bus-${flag}`, `'--bus-${flag.split(" ")[0]} <`, "is of no use: there is no --bus"]),
    ] as const
  ) {
    const terminal = new FakeTerminal("serve", "tcp://127.0.0.1:0", ...line!.split(" "));
    assertEquals(await main(terminal), 2, line);
    assertMatch(terminal.stderr.text, /^mobcast: [^\n]+\n$/, line);
    for (const part of parts) assertStringIncludes(terminal.stderr.text, part, line);
    if (line!.includes("me:secret")) assert(!terminal.stderr.text.includes("is of no use"), line);
  }
});

test("without the packages it is one line with the command that installs them, and exit code 2", LIMITED, async () => {
  const { terminal } = terminalOf("--bus nats://127.0.0.1/chat");
  const missing = "Cannot join the bus chat: its packages are not installed, npm install one two";
  terminal.relay = Object.assign(new Error(missing), { code: "BUS_MISSING" });
  assertEquals([await main(terminal), terminal.stderr.text, terminal.stdout.text], [2, `mobcast: ${missing}\n`, ""]);
});

test(
  "a bus that cannot be joined is exit code 1 and one line, from its servers or from its stream",
  LIMITED,
  async () => {
    const { terminal } = terminalOf("--bus nats://127.0.0.1/chat");
    terminal.relay = new Error("Cannot join the bus chat: authorization violation");
    assertEquals([await main(terminal), terminal.stderr.text], [
      1,
      "mobcast: Cannot join the bus chat: authorization violation\n",
    ]);
    const { terminal: other, channel } = terminalOf("--bus nats://127.0.0.1/chat");
    channel.failure = new Error("Cannot join the bus chat: its framing is line");
    assertEquals([await main(other), other.stderr.text, other.stdout.text], [
      1,
      "mobcast: Cannot join the bus chat: its framing is line\n",
      "",
    ]);
    assert(channel.closed);
  },
);

test("a server that waits for its bus can be stopped", LIMITED, async () => {
  const { terminal, channel } = terminalOf("--bus nats://127.0.0.1/chat");
  const opening = new Promise<MemoryChannel>((resolve) => {
    channel.open = () => {
      resolve(channel);
      return new Promise(() => {});
    };
  });
  const running = main(terminal);
  await opening;
  terminal.signal("SIGTERM");
  assertEquals([await running, terminal.stdout.text], [0, ""]);
});
