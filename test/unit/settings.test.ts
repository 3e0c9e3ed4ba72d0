/** The options of `serve` from environment variables and from a file. */

import { test } from "node:test";
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { main } from "../../src/cli/main.ts";
import { plainFlags } from "../../src/cli/plain.ts";
import { runProgram } from "../../src/cli/program.ts";
import { variableOf } from "../../src/cli/settings.ts";
import { CHOICES, LIMITS } from "../../src/server/options.ts";
import { FakeTerminal } from "../helpers/fake_terminal.ts";

/** A terminal with variables, and a file `mob.json`. */
function terminalWith(
  args: readonly string[],
  variables: Readonly<Record<string, string>>,
  file?: unknown,
): FakeTerminal {
  const terminal = new FakeTerminal(...args);
  Object.assign(terminal.variables, variables);
  const text = typeof file === "string" ? file : JSON.stringify(file);
  if (text !== undefined) terminal.texts.set("mob.json", { text, mode: undefined });
  return terminal;
}

/** What `serve` would be run with. */
async function understood(...given: Parameters<typeof terminalWith>): Promise<[readonly string[], unknown]> {
  let run: [readonly string[], unknown] = [[], undefined];
  const terminal = terminalWith(...given);
  const others = new Proxy({}, { get: () => () => Promise.reject(new Error("another command")) });
  await runProgram(
    terminal,
    Object.assign(Object.create(others), {
      serve: (urls: readonly string[], flags: unknown) => Promise.resolve(run = [urls, flags]).then(() => 0),
    }),
  );
  return run;
}

/** Values of options: as text, as JSON has it, and as it is understood. */
const VALUES: Readonly<Record<string, readonly [text: string, json: unknown, value: unknown]>> = {
  ...Object.fromEntries(
    Object.entries(LIMITS).map(([name, { unit, default: byDefault }]) => {
      const value = byDefault + 1;
      return [name, [unit === "ms" ? `${value}ms` : `${value}`, value, value]];
    }),
  ),
  ...Object.fromEntries(Object.entries(CHOICES).map(([name, choices]) => [name, [choices[1], choices[1], choices[1]]])),
  allow: ["10.0.0.0/8, ::1", ["10.0.0.0/8", "::1"], ["10.0.0.0/8", "::1"]],
  deny: ["10.6.0.0/16", ["10.6.0.0/16"], ["10.6.0.0/16"]],
  origin: ["https://app.example", ["https://app.example"], ["https://app.example"]],
  resume: ["false", false, false],
  unixMode: ["0660", "0660", 0o660],
  secretFile: ["secret", "secret", "secret"],
  status: ["9100", "9100", "http://127.0.0.1:9100"],
  statusAllow: ["10.0.0.0/8", ["10.0.0.0/8"], ["10.0.0.0/8"]],
  statusDeny: ["10.6.0.0/16", ["10.6.0.0/16"], ["10.6.0.0/16"]],
  statusHost: ["mob.example, mob.internal", ["mob.example", "mob.internal"], ["mob.example", "mob.internal"]],
  bus: ["tls://a,b:1/chat", "tls://a,b:1/chat", {
    servers: ["tls://a:4222", "tls://b:1"],
    isSecure: true,
    name: "chat",
  }],
  busStorage: ["file", "file", "file"],
  busReplicas: ["3", 3, 3],
  busKeep: ["1GiB", 2 ** 30, 2 ** 30],
  busTokenFile: ["token", "token", "token"],
  busCa: ["bus-ca.pem", "bus-ca.pem", "bus-ca.pem"],
  busCert: ["bus.pem", "bus.pem", "bus.pem"],
  busKey: ["bus.key", "bus.key", "bus.key"],
  cert: ["cert.pem", "cert.pem", "cert.pem"],
  key: ["key.pem", "key.pem", "key.pem"],
  ca: ["ca.pem", "ca.pem", "ca.pem"],
  logLevel: ["debug", "debug", "debug"],
  logFormat: ["json", "json", "json"],
};

const URLS = ["wss://127.0.0.1:1", "unix:x"];

test("every option of serve has a variable and a name in the file", async () => {
  const help = new FakeTerminal("serve", "--help");
  assertEquals(await main(help), 0);
  const flags = Array.from(help.stdout.text.matchAll(/^ +(?:-\w, )?--([\w-]+)/gm), ([, flag]) => flag!);
  // Those that go with --status have no line of their own, and stand on its line.
  assertStringIncludes(help.stdout.text, "(--status-allow, -deny, -host, too)");
  flags.push("status-allow", "status-deny", "status-host");
  // So do those that go with --bus. Of those that say who it is there can be one: see cli_bus.test.ts.
  // Threads have no bus: see cli_threads.test.ts.
  assertStringIncludes(help.stdout.text, "(--bus-...), or threads: --bus-local");
  flags.push(...["storage", "replicas", "keep", "token-file", "ca", "cert", "key"].map((name) => `bus-${name}`));
  const names = flags.map((flag) => flag.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase()));
  assertEquals(names.filter((name) => name !== "help" && name !== "config").sort(), Object.keys(VALUES).sort());
  const expected: [readonly string[], unknown] = [
    URLS,
    Object.fromEntries(Object.entries(VALUES).map(([name, [, , value]]) => [name, value])),
  ];
  const variables = Object.entries(VALUES).map(([name, [text]]) => [variableOf(name), text]);
  assertEquals(await understood([], { MOBCAST_LISTEN: URLS.join("  "), ...Object.fromEntries(variables) }), expected);
  const file = Object.fromEntries(Object.entries(VALUES).map(([name, [, json]]) => [name, json]));
  const texts = Object.fromEntries(Object.entries(VALUES).map(([name, [text]]) => [name, text]));
  for (const values of [file, texts]) {
    assertEquals(await understood(["--config", "mob.json"], {}, { listen: URLS, ...values }), expected);
  }
  assertEquals(await understood([], { MOBCAST_CONFIG: "mob.json" }, { listen: URLS, ...file }), expected);
});

test("the command line comes first, then the environment, the file, the default; lists are replaced as well", async () => {
  const file = { maxLag: "3MiB", maxFrame: "2MiB", idleTimeout: 3000, allow: ["10.3.0.0/16"], listen: "tcp://h:3" };
  const variables = { MOBCAST_MAX_LAG: "4MiB", MOBCAST_MAX_FRAME: "3MiB", MOBCAST_ALLOW: "10.2.0.0/16" };
  const listen = { MOBCAST_LISTEN: ":2" };
  const args = ["--config", "mob.json", "--max-lag", "5MiB"];
  const flags = {
    ...plainFlags(),
    maxLag: 5 * 2 ** 20,
    maxFrame: 3 * 2 ** 20,
    idleTimeout: 3000,
    allow: ["10.2.0.0/16"],
  };
  assertEquals(await understood(args, { ...variables, ...listen }, file), [["tcp://127.0.0.1:2"], flags]);
  assertEquals(await understood(args, variables, file), [["tcp://h:3"], flags]);
  assertEquals(await understood(["tcp://h:1", ...args], { ...variables, ...listen }, file), [["tcp://h:1"], flags]);
  assertEquals((await understood(["--allow", "10.1.0.0/16", ...args], variables, file))[1], {
    ...flags,
    allow: ["10.1.0.0/16"],
  });
  const resumes = { ...plainFlags(), history: 1024, resume: true };
  assertEquals(
    await understood(["--resume"], {}, undefined).catch(({ message }) => message),
    "Cannot use --resume true: history is 0, and nothing could be resumed: set it to some bytes",
  );
  assertEquals((await understood(["--resume", "--history", "1KiB"], { MOBCAST_RESUME: "false" }))[1], resumes);
  assertEquals((await understood(["--history", "1KiB"], { MOBCAST_RESUME: "true" }))[1], resumes);
});

test("variables that are empty, or that Kubernetes sets for a service called mobcast, are passed over", async () => {
  assertEquals(
    await understood([], {
      MOBCAST_MAX_LAG: "",
      MOBCAST_PORT: "tcp://10.0.0.1:8000",
      MOBCAST_PORT_8000_TCP: "tcp://10.0.0.1:8000",
      MOBCAST_PORT_8000_TCP_ADDR: "10.0.0.1",
      MOBCAST_PORT_8000_TCP_PROTO: "tcp",
      MOBCAST_SERVICE_HOST: "10.0.0.1",
      MOBCAST_SERVICE_PORT: "8000",
      MOBCAST_SERVICE_PORT_MOB: "8000",
    }),
    [["tcp://127.0.0.1:8000"], plainFlags()],
  );
});

test("a plain start has the environment, too; join has none of it", async () => {
  const terminal = terminalWith(["tcp://127.0.0.1:0"], { MOBCAST_LOG_FORMAT: "json" });
  const code = main(terminal);
  await terminal.stderr.match(/^\{"@timestamp".*"pid":4711/);
  terminal.signal("SIGTERM");
  assertEquals(await code, 0);
  const join = terminalWith(["join", "tcp://127.0.0.1:1"], { MOBCAST_NONSENSE: "1" });
  assertEquals(await main(join), 1);
  assertStringIncludes(join.stderr.text, "Cannot connect to");
});

test("an unknown name is refused with a suggestion, a wrong value with where it stands; secrets are not shown", async () => {
  const file = ["--config", "mob.json"];
  const config = { MOBCAST_CONFIG: "mob.json" };
  for (
    const [args, variables, text, ...parts] of [
      [[], { MOBCAST_MAXLAG: "1" }, "", "unknown environment variable MOBCAST_MAXLAG, did you mean MOBCAST_MAX_LAG?"],
      [[], { MOBCAST_PORT: "9000" }, "", "unknown environment variable MOBCAST_PORT, did you mean MOBCAST_LISTEN?"],
      [
        [],
        { MOBCAST_SECRET: "hush" },
        "",
        "unknown environment variable MOBCAST_SECRET, did you mean MOBCAST_SECRET_FILE?",
      ],
      [[], { MOBCAST_NONSENSE: "1" }, "", "unknown environment variable MOBCAST_NONSENSE"],
      [[], { MOBCAST_MAX_LAG: "10mbs" }, "", 'MOBCAST_MAX_LAG "10mbs" is invalid. It is a size such as 64KiB'],
      [[], { MOBCAST_FRAMING: "xml" }, "", 'MOBCAST_FRAMING "xml" is invalid. Allowed choices are u64, u32, line.'],
      [[], { MOBCAST_LISTEN: "tcp://h:1 h:2" }, "", "MOBCAST_LISTEN: Cannot parse URL", "did you mean tcp://h:2"],
      [[], { MOBCAST_LISTEN: " " }, "", "MOBCAST_LISTEN", "is invalid"],
      [[], { MOBCAST_MAX_LAG: "1" }, "", "Cannot use MOBCAST_MAX_LAG 1: it is less than --max-frame 1048576"],
      [[], { MOBCAST_RESUME: "yes" }, "", 'MOBCAST_RESUME "yes" is invalid. It is true or false.'],
      [[], { MOBCAST_RESUME: "true" }, "", "Cannot use MOBCAST_RESUME true: history is 0"],
      [file, {}, { resume: true, history: "5MiB" }, "Cannot use history (in mob.json) 5242880: a quarter of --max-lag"],
      [[], { MOBCAST_CERT: "x" }, "", "MOBCAST_CERT is of no use: no URL begins with tls:"],
      [[], { MOBCAST_DENY: "10.0.0.1/8" }, "", "Cannot use MOBCAST_DENY"],
      [file, {}, { "max-lag": 1 }, 'in mob.json: unknown option "max-lag", did you mean maxLag?'],
      [file, {}, { maxlag: 1 }, 'in mob.json: unknown option "maxlag", did you mean maxLag?'],
      [file, {}, { secret: "hush" }, 'in mob.json: unknown option "secret", did you mean secretFile?'],
      [file, {}, { port: 1 }, 'in mob.json: unknown option "port", did you mean listen?'],
      [file, {}, { config: "x" }, 'in mob.json: unknown option "config"'],
      [file, {}, '{"__proto__": 1}', 'in mob.json: unknown option "__proto__"'],
      [file, {}, { maxLag: "10mbs" }, 'in mob.json: maxLag "10mbs" is invalid. It is a size such as 64KiB'],
      [file, {}, { maxLag: true }, "in mob.json: maxLag true is invalid."],
      [file, {}, { stallTimeout: 1.5 }, "in mob.json: stallTimeout 1.5 is invalid. It is a duration"],
      [file, {}, { unixMode: 660 }, "in mob.json: unixMode 660 is invalid."],
      [file, {}, { allow: [1] }, "in mob.json: allow [1] is invalid."],
      [file, {}, { listen: 9000 }, "in mob.json: listen 9000 is invalid. It is a URL or a list of URLs."],
      [file, {}, { listen: ["h"] }, "in mob.json: listen: Cannot parse URL"],
      [file, {}, { maxLag: 1 }, "Cannot use maxLag (in mob.json) 1: it is less than --max-frame 1048576"],
      [file, {}, { key: "x" }, "key (in mob.json) is of no use"],
      [file, {}, "{", "Cannot use mob.json: it is no JSON"],
      [[], config, "[]", "Cannot use mob.json: it is an object of options"],
      [[], config, "null", "Cannot use mob.json: it is an object of options"],
    ] as const
  ) {
    const terminal = terminalWith(args, variables, text);
    assertEquals(await main(terminal), 2, parts[0]);
    assertMatch(terminal.stderr.text, /^mobcast: [^\n]+\n$/, parts[0]);
    for (const part of parts) assertStringIncludes(terminal.stderr.text, part);
    assertEquals(terminal.stderr.text.includes("hush"), false);
  }
  const missing = terminalWith(["--config", "none.json"], {});
  assertEquals(await main(missing), 1);
  assertStringIncludes(missing.stderr.text, "mobcast: Cannot read none.json");
});
