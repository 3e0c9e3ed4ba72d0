/** The command line, in this process and on a fake terminal: arguments, help, exit codes, and what each command does. */

import { createServer } from "node:net";
import { test } from "node:test";
import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { splitLines } from "../../src/cli/lines.ts";
import { flagOf } from "../../src/cli/flags.ts";
import { main } from "../../src/cli/main.ts";
import { plainFlags, plainUrls } from "../../src/cli/plain.ts";
import { runProgram } from "../../src/cli/program.ts";
import { formatDuration, formatSize, parseCount, parseDuration, parseSize } from "../../src/cli/units.ts";
import { roundSize } from "../../src/status/figures.ts";
import { sanitize } from "../../src/cli/sanitize.ts";
import { CHOICES, LIMITS, type Limits, resolveOptions } from "../../src/server/options.ts";
import { serve } from "../../mod.ts";
import { VERSION } from "../../src/version.ts";
import { bytesOf, concat, textOf } from "../helpers/bytes.ts";
import { FakeTerminal, hurried } from "../helpers/fake_terminal.ts";
import { pause } from "../helpers/wait.ts";

const LIMITED = { timeout: 60_000 };

/** Waits until a command that was ended at once has let go of everything: in a process of its own it would be over. */
async function letGo(terminal: FakeTerminal): Promise<void> {
  while (terminal.handlers > 0) await pause();
}

// --- units ---

test("sizes: what people write, in any case, and nothing else", () => {
  for (
    const [text, bytes] of [
      ["0", 0],
      ["1048576", 1048576],
      ["64KiB", 65536],
      ["64kib", 65536],
      ["2MB", 2_000_000],
      ["1.5MiB", 1572864],
      ["1.1KB", 1100],
      ["3B", 3],
      ["64GiB", 2 ** 36],
    ] as const
  ) assertEquals(parseSize(text), bytes, text);
  const wrong = ["", "-1", "1e9", "10mbs", "1.5", " 1", "1 KB", "0x50", "∞", "NaN", "K", "1K", ".5MB", "9".repeat(20)];
  for (const text of [...wrong, "9999999999999999", "9007199254740993", "constructor", "1toString"]) {
    assertEquals(parseSize(text), undefined, text);
  }
});

test("durations need a unit, counts have none", () => {
  for (
    const [text, milliseconds] of [["0", 0], ["500ms", 500], ["10s", 10_000], ["1.5s", 1500], ["2m", 120_000], [
      "1H",
      3_600_000,
    ]] as const
  ) assertEquals(parseDuration(text), milliseconds, text);
  for (const text of ["", "60", "-1s", "1.5ms", "1d", "s", "1e3s", "10 s"]) {
    assertEquals(parseDuration(text), undefined, text);
  }
  assertEquals(parseCount("1024"), 1024);
  for (const text of ["", "1.5", "-1", "1e3", "0x10", "10KB", "∞"]) assertEquals(parseCount(text), undefined, text);
});

test("what is formatted reads back as the same", () => {
  for (const bytes of [0, 1, 1000, 1024, 1 << 20, 3 << 20, 2 ** 36, 2 ** 40]) {
    assertEquals(parseSize(formatSize(bytes)), bytes);
  }
  for (const ms of [0, 1, 999, 1000, 60_000, 90_000, 3_600_000, 2 ** 31 - 1]) {
    assertEquals(parseDuration(formatDuration(ms)), ms);
  }
  assertEquals([0, 1023, 1024, 1.5 * 2 ** 20, 2 ** 50].map(roundSize), [
    "0 B",
    "1023 B",
    "1.0 KiB",
    "1.5 MiB",
    "1048576.0 GiB",
  ]);
});

// --- arguments ---

/** What a command would be run with. */
async function understood(...args: string[]): Promise<unknown[]> {
  let run: unknown[] = [];
  const note = (name: string) => (...given: unknown[]): Promise<number> => {
    run = [name, ...given];
    return Promise.resolve(7);
  };
  assertEquals(
    await runProgram(new FakeTerminal(...args), {
      serve: note("serve"),
      join: note("join"),
      sub: note("sub"),
      pub: note("pub"),
      bench: note("bench"),
      check: note("check"),
      stats: note("stats"),
      top: note("top"),
    }),
    7,
  );
  return run;
}

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

// --- serve ---

/** An open `serve`, by default on a free port. */
async function serving(...args: string[]): Promise<{ terminal: FakeTerminal; url: string; code: Promise<number> }> {
  const terminal = new FakeTerminal("tcp://127.0.0.1:0", ...args);
  const code = main(terminal);
  const [, url = ""] = await terminal.stdout.match(/^listening on (\S+).*\n/);
  return { terminal, url, code };
}

test("serve: one line for each listener, the first signal ends it with 0", LIMITED, async () => {
  const { terminal, code } = await serving("tcp://localhost:0");
  terminal.signal("SIGTERM");
  assertEquals(await code, 0);
  assertMatch(
    terminal.stdout.text,
    /^listening on tcp:\/\/127\.0\.0\.1:\d+\nlistening on tcp:\/\/localhost:\d+ \(tcp:.*\)\n$/,
  );
  assertEquals(terminal.handlers, 0);
});

test("serve: a second signal ends it at once with 1", LIMITED, async () => {
  const { terminal, url, code } = await serving("--drain-timeout", "1h");
  const stuck = new FakeTerminal("join", url);
  stuck.stdout.write = () => new Promise(() => {});
  stuck.stdin.say("x".repeat(1000));
  const joined = main(stuck);
  const sender = new FakeTerminal("pub", url);
  sender.stdin.say(`${"y".repeat(100_000)}\n`.repeat(100)).end();
  assertEquals(await main(sender), 0);
  terminal.signal("SIGINT");
  // As `timeout` sends it, to its child and to its group: the same signal.
  terminal.signal("SIGINT");
  assertEquals(await Promise.race([code, pause(20)]), undefined);
  terminal.signalAgain("SIGINT");
  assertEquals(await code, 1);
  stuck.signal("SIGINT");
  stuck.signalAgain("SIGINT");
  assertEquals(await joined, 1);
  await letGo(terminal);
  assertEquals(stuck.stderr.text, "");
});

test("serve: an address in use is exit code 1 and one line that names it", LIMITED, async () => {
  const { terminal, url, code } = await serving();
  // In this process the second would take the first lines of the first one's log.
  await terminal.stderr.match(/Started/);
  const second = new FakeTerminal(url);
  assertEquals(await main(second), 1);
  assertEquals(second.stderr.text, `mobcast: Cannot listen on ${url}: address in use (EADDRINUSE)\n`);
  assertEquals(second.stdout.text, "");
  // An address that no machine here has.
  const elsewhere = new FakeTerminal("tcp://192.0.2.1");
  assertEquals(await main(elsewhere), 1);
  assertStringIncludes(elsewhere.stderr.text, "mobcast: Cannot listen on tcp://192.0.2.1:8000: ");
  const unnamed = new FakeTerminal("tcp://127.0.0.1", url);
  unnamed.adapter = async () => {
    const adapter = await elsewhere.adapter();
    const inUse = (): never => {
      throw Object.assign(new Error("in use"), { code: "EADDRINUSE" });
    };
    return { ...adapter, listen: () => Promise.resolve().then(inUse) };
  };
  assertEquals(await main(unnamed), 1);
  assertEquals(
    unnamed.stderr.text,
    "mobcast: Cannot listen on tcp://127.0.0.1:8000: address in use (EADDRINUSE)\n",
  );
  terminal.signal("SIGINT");
  assertEquals(await code, 0);
});

test("serve: SIGUSR2 logs the table, as text and as JSON; off logs nothing", LIMITED, async () => {
  for (
    const [format, pattern] of [["text", /\[info\] mobcast: 127\.0\.0\.1:\d+ +[\d.]+s +0 B/], [
      "json",
      /"remoteAddress":"127/,
    ]] as const
  ) {
    const { terminal, url, code } = await serving("--log-format", format);
    const sender = new FakeTerminal("join", url);
    sender.stdin.say("hello\n");
    const joined = main(sender);
    await sender.stdout.match(/hello/);
    terminal.signal("SIGUSR2");
    await terminal.stderr.match(pattern);
    if (format === "json") {
      const [started, joined, ...more] = terminal.stderr.text.trim().split("\n").map((line) => JSON.parse(line));
      assertEquals(started.properties, {
        version: VERSION,
        runtime: "node",
        runtimeVersion: "20.0.0",
        pid: 4711,
        urls: [url],
      });
      assertEquals(joined.message, `Joined: ${joined.properties.remoteAddress}`);
      const [{ properties: { connections, published, connectionList: [member], unlisted } }, ...none] = more;
      assertEquals([connections, published.bytes, member.lag.bytes, unlisted, none], [1, 13, 0, 0, []]);
      assertEquals([member.age, member.receivedRate, member.deliveredRate].every(Number.isInteger), true);
    } else {
      assertStringIncludes(terminal.stderr.text, "connections 1, joined 1, closed none, published 1 frames 13 B");
    }
    assert(!terminal.stderr.text.includes("LogTape"), terminal.stderr.text);
    sender.signal("SIGINT");
    assertEquals(await joined, 0);
    terminal.signal("SIGINT");
    assertEquals(await code, 0);
  }
  const { terminal, code } = await serving("--log-level", "off");
  terminal.signal("SIGUSR2");
  terminal.signal("SIGINT");
  assertEquals(await code, 0);
  assertEquals(terminal.stderr.text, "");
});

test("an uncaught error is one line and exit code 1, with its stack only for debug", LIMITED, async () => {
  const { terminal, code } = await serving();
  terminal.throwUncaught(new Error("boom\nand more"));
  assertEquals(await code, 1);
  // The log comes behind it when it is not yet loaded.
  assertMatch(terminal.stderr.text, /Started: mobcast/);
  assertEquals(terminal.stderr.text.replace(/^\d{4}-.*\n/gm, ""), "mobcast: internal error: boom and more\n");
  await letGo(terminal);
  const debug = await serving("--log-level", "debug");
  debug.terminal.throwUncaught(new Error("boom"));
  assertEquals(await debug.code, 1);
  await letGo(debug.terminal);
  assertMatch(debug.terminal.stderr.text, /internal error: [^]*boom[^]*cli\.test\.ts/);
});

test("a hint for options of the port; control characters of arguments act on no terminal", async () => {
  for (
    const [line, hint] of [
      ["--port 9000", "unknown option '--port', ports are part of the URL: tcp://127.0.0.1:9000"],
      ["--port=9000", "unknown option '--port', ports are part of the URL: tcp://127.0.0.1:9000"],
      ["-p 9000", "unknown option '-p', ports are part of the URL: tcp://127.0.0.1:9000"],
      ["serve 99999", 'Cannot parse URL "tcp://127.0.0.1:99999": a port is a number from 0 to 65535'],
      ["serve 0.0.0.0:9000", "did you mean tcp://0.0.0.0:9000"],
      ["serve 0.0.0.0", "did you mean tcp://0.0.0.0?"],
      ["serve *:9000", "did you mean tcp://0.0.0.0:9000?"],
      ["serve localhost", "did you mean tcp://localhost?"],
      ["serve localhost:9000", "did you mean tcp://localhost:9000"],
      ["::1", "did you mean tcp://[::1]?"],
      ["serve [::]:9000", "did you mean tcp://[::]:9000"],
      ["join 9000", "did you mean tcp://127.0.0.1:9000?"],
      ["--max-lag \x1b[2J\x07\x9b", "\\x1b[2J\\x07\\x9b"],
      ["--\x1b[2J", "\\x1b[2J"],
      ["pub unix:x --file \x1b]0;t\x07", "Cannot read \\x1b]0;t\\x07"],
      ["join unix:/no/\x1b[2J", "\\x1b[2J"],
    ] as const
  ) {
    const terminal = new FakeTerminal(...line.split(" "));
    assert(await main(terminal) > 0, line);
    assertStringIncludes(terminal.stderr.text, hint, line);
    // deno-lint-ignore no-control-regex -- control characters are what it is about
    assertMatch(terminal.stderr.text, /^[^\x00-\x1f\x7f-\x9f]+\n$/, line);
  }
});

// --- bench ---

const BENCH_DEFAULTS = {
  clients: 100,
  publishers: 4,
  size: 64,
  inFlight: 1024,
  seconds: 5,
  connectTimeout: 10_000,
  framing: "u64",
  json: false,
  histogram: false,
};

test("bench: its options, and those that are wrong together", async () => {
  assertEquals(await understood("bench"), ["bench", "tcp://127.0.0.1:8000", BENCH_DEFAULTS]);
  const open = ["--clients", "1000", "--publishers", "1000", "--rate", "20", "--size", "1KiB", "--framing", "u32"];
  assertEquals(await understood("bench", "tcp://h:1", ...open, "--seconds", "1", "--json", "--histogram"), [
    "bench",
    "tcp://h:1",
    {
      ...BENCH_DEFAULTS,
      clients: 1000,
      publishers: 1000,
      rate: 20,
      size: 1024,
      framing: "u32",
      seconds: 1,
      json: true,
      histogram: true,
    },
  ]);
  for (
    const [line, ...parts] of [
      ["bench --clients 0", "--clients", "from 1 to 100000"],
      ["bench --publishers 101", "--publishers", "101", "--clients: 100"],
      ["bench --size 19", "--size", "from 20 to 64MiB"],
      ["bench --rate 5 --in-flight 5", "--rate", "--in-flight"],
      ["bench --seconds 0", "--seconds"],
      ["bench --framing line", "--framing", "u64, u32"],
    ] as const
  ) {
    const terminal = new FakeTerminal(...line.split(" "));
    assertEquals(await main(terminal), 2, line);
    assertMatch(terminal.stderr.text, /^mobcast: [^\n]+\n$/, line);
    for (const part of parts) assertStringIncludes(terminal.stderr.text, part, line);
  }
});

test("bench: a table and a histogram, closed loop; every client receives every frame once", LIMITED, async () => {
  await using mob = await serve({ listen: "tcp://127.0.0.1:0" });
  const terminal = new FakeTerminal("bench", mob.urls[0]!, "--clients", "20", "--seconds", "1", "--histogram");
  terminal.adapter = () => hurried(4);
  terminal.stderr.isTerminal = true;
  assertEquals(await main(terminal), 0, terminal.stderr.text);
  const { text } = terminal.stdout;
  assertMatch(text, /^load +20 clients, 4 publishers, 64 bytes, 1,024 in flight$/m);
  assertMatch(text, /^delivered +[\d,]+, [\d,]+\/s$/m);
  assertMatch(text, /^delay +p50 [\d.]+ ms, p99 [\d.]+ ms, p99.9 [\d.]+ ms, longest [\d.]+ ms$/m);
  assertMatch(text, /^not right +lost 0, repeated 0, reordered 0, connections ended 0$/m);
  assertMatch(text, /^ +<= [\d.]+ ms +[\d.]+ % █+$/m);
  assertMatch(terminal.stderr.text, /█{10,30}░* \d+% [\d.]+ ?M? deliveries\/s, p99 [\d.]+ ms/);
  // At the end lines wrap again, and the bar is cleared: the result begins where it was.
  assert(terminal.stderr.text.endsWith("\x1b[?7h\x1b8\x1b[1G\x1b[2K"), JSON.stringify(terminal.stderr.text.slice(-99)));
  while (mob.stats().connections > 0) await pause();
});

test("bench: JSON, open loop, more than ten clients join at once and others send as well", LIMITED, async () => {
  await using mob = await serve({ listen: "tcp://127.0.0.1:0", framing: "u32" });
  const other = mob.join({ receive: false });
  const flags = ["--clients", "150", "--publishers", "50", "--rate", "5", "--seconds", "1", "--framing", "u32"];
  const terminal = new FakeTerminal("bench", mob.urls[0]!, ...flags, "--json");
  const code = main(terminal);
  let over = false;
  void code.then(() => over = true);
  while (!over) {
    await other.send(bytesOf("another client, whose frames are long enough to hold a stamp"));
    for (let tick = 0; tick < 20; tick++) await pause();
  }
  assertEquals(await code, 0, terminal.stderr.text);
  assertEquals(terminal.stderr.text, "");
  const result = JSON.parse(terminal.stdout.text);
  assertEquals([result.lost, result.repeated, result.reordered, result.ended], [0, 0, 0, 0]);
  assert(result.foreign > 0);
  // 250 a second were to be sent, whatever the server does.
  const rate = result.sent / result.seconds;
  assert(rate >= 225 && rate <= 400, `${result.sent} sent in ${result.seconds} s`);
  assert(result.deliveries > 25_000, `${result.deliveries} deliveries`);
  assert(result.delays.p50 > 0 && result.delays.p50 <= result.delays.p100);
  assertEquals(result.options.rate, 5);
});

/** A server for one client that sends every frame back, a number of times, or with two of them swapped. */
async function brokenServer(send: (number: number, frame: Uint8Array) => readonly Uint8Array[]): Promise<string> {
  const server = createServer((socket) => {
    let number = 0;
    let rest: Uint8Array = new Uint8Array(0);
    socket.on("error", () => {}).on("close", () => server.close());
    socket.on("data", (chunk: Uint8Array) => {
      rest = concat(rest, chunk);
      for (; rest.length >= 72; rest = rest.slice(72)) {
        for (const frame of send(number++, rest.slice(0, 72))) socket.write(frame);
      }
    });
  });
  return await new Promise<string>((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve(`tcp://127.0.0.1:${(server.address() as { port: number }).port}`));
  });
}

test("bench: lost, repeated and reordered frames are reported, with exit code 1", LIMITED, async () => {
  let kept: Uint8Array[] = [];
  const faults: [string, (number: number, frame: Uint8Array) => readonly Uint8Array[]][] = [
    ["10 deliveries lost", (number, frame) => number >= 100 && number < 110 ? [] : [frame]],
    ["1 deliveries repeated", (number, frame) => number === 100 ? [frame, frame] : [frame]],
    ["1 deliveries reordered", (number, frame) => {
      if (number === 100) kept = [frame];
      return number === 100 ? [] : number === 101 ? [frame, ...kept] : [frame];
    }],
  ];
  await Promise.all(faults.map(async ([says, send]) => {
    const url = await brokenServer(send);
    const flags = ["--clients", "1", "--publishers", "1", "--rate", "500", "--seconds", "1"];
    const terminal = new FakeTerminal("bench", url, ...flags);
    terminal.speed = 1;
    assertEquals(await main(terminal), 1, says);
    assertEquals(terminal.stderr.text, `mobcast: Cannot vouch for ${url}: ${says}\n`);
    assertMatch(terminal.stdout.text, /^not right +lost/m);
  }));
});

test("bench: no server, nothing received, a server that ends, an interrupt", LIMITED, async () => {
  const mob = await serve({ listen: "tcp://127.0.0.1:0", echo: "others" });
  const url = mob.urls[0]!;
  const deaf = new FakeTerminal("bench", url);
  deaf.adapter = () => hurried(10);
  assertEquals(await main(deaf), 1);
  assertMatch(
    deaf.stderr.text,
    /^mobcast: Cannot load [^\n]+ received nothing for 5 s; it has to be[^\n]+--echo all[^\n]+\n$/,
  );
  await mob.close();
  const nobody = new FakeTerminal("bench", url);
  assertEquals(await main(nobody), 1);
  assertEquals(
    nobody.stderr.text,
    `mobcast: Cannot connect client 1 of 100 to ${url}: connection refused (ECONNREFUSED)\n`,
  );

  const leaving = await serve({ listen: "tcp://127.0.0.1:0" });
  const left = new FakeTerminal("bench", leaving.urls[0]!, "--clients", "5", "--seconds", "60");
  const code = main(left);
  while (leaving.stats().published.frames < 1000) await pause();
  await leaving.close({ drain: 0 });
  assertEquals(await code, 1);
  assertMatch(left.stderr.text, /^mobcast: Cannot vouch for [^\n]*connections ended[^\n]*\n$/);

  await using busy = await serve({ listen: "tcp://127.0.0.1:0" });
  const interrupted = new FakeTerminal("bench", busy.urls[0]!, "--clients", "5", "--seconds", "60");
  const stopped = main(interrupted);
  while (busy.stats().published.frames < 10_000) await pause();
  interrupted.signal("SIGINT");
  assertEquals(await stopped, 0, interrupted.stderr.text);
  assertMatch(interrupted.stdout.text, /^not right +lost 0, repeated 0, reordered 0, connections ended 0$/m);
  assertEquals(interrupted.handlers, 0);
});

// --- its parts ---

test("splitLines: the same lines wherever the chunks are split", async () => {
  const text = bytesOf("one\n\ntwo\r\n\xff three");
  async function* chunks(...ends: number[]): AsyncGenerator<Uint8Array> {
    let start = 0;
    for (const end of [...ends, text.length]) {
      yield await Promise.resolve(text.subarray(start, end));
      start = end;
    }
  }
  const split = async (...ends: number[]): Promise<string[]> => {
    const lines: string[] = [];
    for await (const batch of splitLines(chunks(...ends), 100)) lines.push(...batch.map(textOf));
    return lines;
  };
  const expected = ["one", "", "two\r", "\xff three"];
  assertEquals(await split(), expected);
  for (let first = 0; first <= text.length; first++) {
    for (let second = first; second <= text.length; second++) assertEquals(await split(first, second), expected);
  }
  const collect = async (limit: number): Promise<void> => {
    for await (const _ of splitLines(chunks(2, 12), limit));
  };
  await collect(8);
  await assertRejects(() => collect(7), RangeError, "Cannot send line 4: it is over 7 bytes");
});

test("sanitize: nothing that others send can act on a terminal", () => {
  assertEquals(sanitize(bytesOf("plain text, tab\t, ünïcödé 🙂")), "plain text, tab\t, ünïcödé 🙂");
  assertEquals(
    sanitize(bytesOf("\x1b]0;title\x07\r\n\x00\x7f\x9b31m")),
    "\\x1b]0;title\\x07\\x0d\\x0a\\x00\\x7f\\x9b31m",
  );
  assertEquals(sanitize(bytesOf("a\u202eb\u2028c\ufeffd\u2066e")), "a\\u202eb\\u2028c\\ufeffd\\u2066e");
  assertEquals(sanitize(new Uint8Array([0xff, 0x1b])), "\ufffd\\x1b");
});
