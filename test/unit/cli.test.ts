/** The command line, in this process and on a fake terminal: arguments, help and exit codes. */

import { test } from "node:test";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { flagOf } from "../../src/cli/flags.ts";
import { main } from "../../src/cli/main.ts";
import { plainFlags, plainUrls } from "../../src/cli/plain.ts";
import { CHOICES, LIMITS, type Limits, resolveOptions } from "../../src/server/options.ts";
import { VERSION } from "../../src/version.ts";
import { FakeTerminal } from "../helpers/fake_terminal.ts";
import { understood } from "../helpers/cli.ts";

/** A secret comes from a file, not from an option. */
const { secret: _secret, origins: origin, ...MOB_DEFAULTS } = resolveOptions({});

const STATUS_DEFAULTS = { statusAllow: [], statusDeny: [], statusHost: [] };

const SERVE_DEFAULTS = { ...MOB_DEFAULTS, ...STATUS_DEFAULTS, origin, logLevel: "info", logFormat: "text" };

test("serve is the command when none is named, and its defaults are those of the library", async () => {
  for (
    const args of [[], ["serve"], ["tcp://127.0.0.1:8000"], ["serve", "--framing", "u64"], ["--max-frame", "1MiB"]]
  ) {
    assertEquals(await understood(...args), ["serve", ["tcp://127.0.0.1:8000"], SERVE_DEFAULTS], args.join(" "));
  }
  const listeners = ["tcp://[::1]:0", "tcp://localhost:1"];
  assertEquals(await understood(...listeners, "--framing", "line", "--max-frame=2MB"), ["serve", listeners, {
    ...SERVE_DEFAULTS,
    framing: "line",
    maxFrame: 2_000_000,
  }]);
});

test("serve takes a port alone as one of this machine, with a framing too", async () => {
  for (
    const [word, url] of [
      ["9000", "tcp://127.0.0.1:9000"],
      [":9000", "tcp://127.0.0.1:9000"],
      ["0", "tcp://127.0.0.1:0"],
      [":0?framing=line", "tcp://127.0.0.1:0?framing=line"],
    ] as const
  ) {
    for (const args of [[word], ["serve", word]]) {
      assertEquals(await understood(...args), ["serve", [url], SERVE_DEFAULTS]);
    }
  }
  const terminal = new FakeTerminal(":0");
  const code = main(terminal);
  await terminal.stdout.match(/^listening on tcp:\/\/127\.0\.0\.1:\d+\n/);
  terminal.signal("SIGTERM");
  assertEquals(await code, 0);
});

test("a plain start, nothing but URLs, is understood without the program, and as the program does", async () => {
  for (const args of [[], ["tcp://127.0.0.1:8000"], ["tcp://[::1]:0", "tcp://localhost:1"]]) {
    assertEquals(["serve", plainUrls(args), plainFlags()], await understood(...args), args.join(" "));
  }
  for (
    const args of [["serve"], ["join"], ["--help"], ["tcp://127.0.0.1:0", "--max-lag", "1MiB"], ["nonsense"], [""], [
      "tls://127.0.0.1:0",
    ]]
  ) {
    assertEquals(plainUrls(args), undefined, args.join(" "));
  }
});

test("every limit and every choice of the library is an option", async () => {
  for (const [name, limit] of Object.entries(LIMITS)) {
    const flag = `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    const value = limit.default + 1;
    const text = limit.unit === "ms" ? `${value}ms` : `${value}`;
    assertEquals((await understood(flag, text))[2], { ...SERVE_DEFAULTS, [name as keyof Limits]: value }, name);
  }
  for (const [name, choices] of Object.entries(CHOICES)) {
    const flag = name === "slowConsumer" ? "--slow-consumer" : `--${name}`;
    for (const choice of choices) {
      assertEquals((await understood(flag, choice))[2], { ...SERVE_DEFAULTS, [name]: choice });
    }
  }
});

test("join takes a URL, which may name the framing", async () => {
  const flags = { framing: "u64", maxFrame: 1 << 20, connectTimeout: 10_000 };
  assertEquals(await understood("join"), ["join", "tcp://127.0.0.1:8000", flags]);
  assertEquals(await understood("join", "tcp://h:1", "--framing", "line", "--name", "ann"), ["join", "tcp://h:1", {
    ...flags,
    framing: "line",
    name: "ann",
  }]);
  const framed = "tcp://h:1?framing=line";
  assertEquals(await understood("join", framed), ["join", framed, { ...flags, framing: "line" }]);
  assertEquals(await understood("join", framed, "--framing", "line"), ["join", framed, { ...flags, framing: "line" }]);
  assertEquals(await understood("sub", framed), ["sub", framed, { ...flags, framing: "line" }]);
  assertEquals(await understood("pub", framed), ["pub", framed, [], { ...flags, framing: "line", wait: true }]);
});

test("stats and top take a URL, a port alone, and their options", async () => {
  const url = "http://127.0.0.1:9100";
  assertEquals(await understood("stats"), ["stats", url, { json: false, connectTimeout: 10_000 }]);
  assertEquals(await understood("stats", ":9101", "--json"), ["stats", ":9101", {
    json: true,
    connectTimeout: 10_000,
  }]);
  assertEquals(await understood("top"), ["top", url, { sort: "lag", connectTimeout: 10_000 }]);
  const flags = { sort: "memory", connectTimeout: 1000, count: 3, for: 10_000, ca: "a", servername: "n" };
  const given = "--sort memory --count 3 --for 10s --connect-timeout 1s --ca a --servername n".split(" ");
  assertEquals(await understood("top", "https://h:1", ...given), ["top", "https://h:1", flags]);
});

test("join, sub, pub and bench take a time for making a connection", async () => {
  for (const command of ["join", "sub", "pub", "bench"]) {
    const flags = (await understood(command, "tcp://h:1", "--connect-timeout", "500ms")).at(-1) as object;
    assertEquals((flags as { connectTimeout?: number }).connectTimeout, 500);
  }
});

test("wrong usage: exit code 2 and one line that names the option and the value", async () => {
  for (
    const [line, ...parts] of [
      ["jion", '"jion"', "did you mean mobcast join?"],
      ["joinn", "did you mean mobcast join?"],
      ["help", "did you mean mobcast --help?"],
      ["send hello", '"send"', "did you mean mobcast pub?"],
      ["publish --file x", "did you mean mobcast pub?"],
      ["say", "did you mean mobcast pub?"],
      ["subscribe", "did you mean mobcast sub?"],
      ["listen", "did you mean mobcast sub?"],
      ["listen tcp://h:1", "did you mean mobcast sub?"],
      ["listen on 9000", "did you mean mobcast serve?"],
      ["listen :9000", "did you mean mobcast serve?"],
      ["recv -n 5", "did you mean mobcast sub?"],
      ["TAIL", "did you mean mobcast sub?"],
      ["info", "did you mean mobcast stats?"],
      ["status --json", "did you mean mobcast stats?"],
      ["monitor", "did you mean mobcast top?"],
      ["htop", "did you mean mobcast top?"],
      ["server", "did you mean mobcast serve?"],
      ["start", "did you mean mobcast serve?"],
      ["run", "did you mean mobcast serve?"],
      ["client", "did you mean mobcast join?"],
      ["chat --nick me", "did you mean mobcast join?"],
      ["connect", "did you mean mobcast join?"],
      ["localhost", "did you mean tcp://localhost?"],
      ["--host 0.0.0.0", "tcp://0.0.0.0:9000"],
      ["--host=h -p 77", "tcp://h:77"],
      ["--bind [::1]:77", "tcp://[::1]:77"],
      ["join --user me", "did you mean --name?"],
      ["join --password me", "did you mean --secret-file?"],
      ["serve --verbose", "did you mean --log-level debug?"],
      ["pub --tls x", "tls://"],
      ["127.0.0.1:9000", '"127.0.0.1:9000"', "did you mean tcp://127.0.0.1:9000"],
      ["tcp://127.0.0.1:0 nonsense", '"nonsense"'],
      ["--framing line join", '"join"', "did you mean mobcast join?"],
      ["--port 80", "--port"],
      ["--max-frme 1", "--max-frme", "--max-frame"],
      ["--max-frame", "--max-frame", "missing"],
      ["--max-frame 10mbs", "--max-frame", "10mbs", "64KiB"],
      ["--max-frame=", "--max-frame"],
      ["--max-frame -1", "--max-frame", "-1"],
      ["--max-frame 1e9", "1e9"],
      ["--max-frame 0", "--max-frame", "from 1 to 1GiB"],
      ["--max-frame 2GiB", "2GiB", "from 1 to 1GiB"],
      ["--max-connections 0", "--max-connections", "0"],
      ["--max-connections 1.5", "1.5"],
      ["--stall-timeout 10", "--stall-timeout", "10", "a duration such as 10s"],
      ["--stall-timeout 0", "--stall-timeout"],
      ["--idle-timeout 2147483648ms", "2147483648ms"],
      ["--framing xml", "--framing", "xml", "u64, u32, line"],
      ["--slow-consumer Disconnect", "Disconnect"],
      ["--echo none", "--echo", "none"],
      ["--log-level trace", "--log-level", "trace"],
      ["--log-format xml", "--log-format"],
      ["join 127.0.0.1:9000", "did you mean tcp://127.0.0.1:9000"],
      ["join http://h:80", '"http:" is not supported'],
      ["join tcp://h:1 tcp://h:2", "too many arguments"],
      ["join --max-connections 5", "--max-connections"],
      ["tcp://h:1?framing=xml", '"xml"', "u64, u32, line"],
      ["tcp://h:1?secret=x", "?framing=NAME"],
      ["join tcp://h:1?framing=line --framing u64", "--framing", "is u64, and the URL says line"],
      ["bench tcp://h:1?framing=line", "names framing line", "u64, u32"],
      ["pub tcp://h:70000", "70000"],
      ["stats tcp://h:1", '"tcp://h:1"', "clients connect there", "serve --status"],
      ["top localhost:9100", "did you mean http://localhost:9100?"],
      ["top --sort size", "--sort", "size", "lag, age, received"],
      ["top --count 0", "--count", "0"],
      ["stats 9100 --ca x", "--ca", "no URL begins with https:"],
      ["top https://h --cert x", "--key", "--cert needs it"],
      ["stats --secret-file x", "--secret-file"],
    ] as const
  ) {
    const terminal = new FakeTerminal(...line.split(" "));
    assertEquals(await main(terminal), 2, line);
    assertMatch(terminal.stderr.text, /^mobcast: [^\n]+\n$/, line);
    for (const part of parts) assertStringIncludes(terminal.stderr.text, part, line);
    assertEquals(terminal.stdout.text, "", line);
    assertEquals(terminal.handlers, 0);
  }
});

test("help and version go to standard output, with exit code 0; each help fits on a screen, with an example", async () => {
  for (
    const [command, rows, columns, ...parts] of [
      [
        "",
        24,
        80,
        "serve [options] [URL...]",
        "join",
        "sub",
        "pub",
        "bench",
        "check",
        "stats",
        "top",
        "completion",
        "serve --help",
      ],
      [
        "serve",
        42,
        100,
        ...Object.keys(LIMITS).map((name) => `${flagOf(name)} <`),
        "(1MiB)",
        "--config",
        "MOBCAST_MAX_LAG",
        "--bus-local",
        "--threads",
      ],
      ["join", 24, 80, "Usage: mobcast join [options] [URL]", "tcp://127.0.0.1:8000", "(10s)"],
      ["sub", 24, 80, "Usage: mobcast sub [options] [URL]", "tcp://127.0.0.1:8000", "u64, u32, line (u64)"],
      ["pub", 24, 80, "Usage: mobcast pub [options] [URL] [TEXT...]", "TEXT  "],
      ["bench", 24, 80, "Usage: mobcast bench [options] [URL]", "(1024)"],
      ["check", 24, 80, "Usage: mobcast check [options] [--] CLIENT [ARGUMENT...]", "--framing <word,...>", "(10s)"],
      ["stats", 24, 80, "Usage: mobcast stats [options] [URL]", "URL: http://127.0.0.1:9100", "--json", "--status"],
      [
        "top",
        24,
        80,
        "Usage: mobcast top [options] [URL]",
        "URL: http://127.0.0.1:9100",
        "(lag)",
        "q quit",
        "--status",
      ],
    ] as const
  ) {
    const terminal = new FakeTerminal(...command === "" ? ["--help"] : [command, "-h"]);
    terminal.stdout.columns = columns;
    assertEquals(await main(terminal), 0);
    const { text } = terminal.stdout;
    for (const part of [...parts, "Example: mobcast "]) assertStringIncludes(text, part, command);
    const lines = text.trimEnd().split("\n");
    assert(lines.length <= rows, `${command}: ${lines.length} lines`);
    for (const line of lines) assert(line.length <= columns, `${command}: ${line}`);
    assertEquals(terminal.stderr.text, "");
  }
  const version = new FakeTerminal("--version");
  assertEquals(await main(version), 0);
  assertEquals(version.stdout.text, `${VERSION}\n`);
});
