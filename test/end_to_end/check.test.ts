/** The conformance kit for clients, `mobcast check`: right clients pass, and each that is wrong is caught by the case for it. */

import { Buffer } from "node:buffer";
import { test } from "node:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { runtimeAdapter } from "../../adapters/runtime.ts";
import { toHex, utf8 } from "../../src/bytes.ts";
import { bytesOf, type Case, casesOf, digitsOf, SECRET } from "../../src/cli/check_cases.ts";
import { play } from "../../src/cli/check_play.ts";
import { FRAMING_NAMES } from "../../src/framing/options.ts";
import { type FramingName, FRAMINGS } from "../../src/framing/framing.ts";
import { concat } from "../helpers/bytes.ts";
import { CommandLine, type Ended, OURS, ROOT, runCommand } from "../helpers/command_line.ts";
import { FakeTerminal } from "../helpers/fake_terminal.ts";
import { FOREIGN_PROGRAMS, withForeignProgram } from "../helpers/foreign_programs.ts";
import { pause } from "../helpers/wait.ts";

/** On Bun, which starts in a fifth of the time that Node takes: a case is a process. */
const CLIENT = [join(ROOT, "node_modules/.bin/bun"), join(ROOT, "test/helpers/wire_client.mjs")];

/** Many processes of Node start here, and others may run beside them. */
const PATIENT = { timeout: 600_000 };

/** Plays a case with our client; `bug` is what that does wrong. Resolves to what was found. */
async function playWith(
  framing: FramingName,
  each: Case,
  bug: string = "",
  patience: number = 60_000,
): Promise<string | undefined> {
  const hex = each.needs === "hex";
  const command = ["env", `BUG=${bug}`, ...CLIENT, ...(hex ? ["--hex"] : [])];
  const options = { command, framing, hex, patience, stop: new AbortController().signal };
  return await play(new FakeTerminal(), await runtimeAdapter(), each, options);
}

/** Runs the command to its end, however long that takes: the test has a limit. */
async function runPatiently(args: readonly string[]): Promise<Ended> {
  await using command = new CommandLine(OURS, args);
  return await command.ended;
}

/** Calls `run` for all of a list, eight at a time: some wait for seconds. */
async function inEights<Item>(items: readonly Item[], run: (item: Item) => Promise<void>): Promise<void> {
  const left = [...items];
  const worker = async (): Promise<void> => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await run(item);
  };
  await Promise.all(Array.from({ length: 8 }, worker));
}

/** What passes over the wire is the same on each runtime, and so are the clients: each runtime plays all that it does itself. */
const ON_NODE = OURS === "node" ? false : "the same on all: on Node";

for (const framing of FRAMING_NAMES) {
  test(`a right client passes every case of ${framing}`, {
    ...PATIENT,
    skip: framing === "u64" ? false : ON_NODE,
  }, async () => {
    const found: string[] = [];
    await inEights(casesOf(framing), async (each) => {
      const wrong = await playWith(framing, each);
      if (wrong !== undefined) found.push(`${each.name}: ${wrong}`);
    });
    assertEquals(found, []);
  });
}

/** What a client does wrong, the case that catches it, what that says, and the framing if it is not u64. */
const BUGS: readonly (readonly [bug: string, name: string, says: RegExp, framing?: FramingName])[] = [
  ["little-endian", "order", /^sent 05 00 00 00/],
  ["keeps-newline", "order", /^sent 00 00 00 00 00 00 00 06/],
  ["latin1", "order", /^sent .*, not /],
  ["greets", "order", /^sent .* 73 65 72 76 65 72, not /],
  ["echoes-itself", "order", /^printed "hello\\n.*, not "before/],
  ["stays", "order", /^did nothing for 10 s: it was waited for to end after the server has$/],
  ["header-at-once", "bytewise", /./],
  ["a-read-is-a-frame", "pieces", /^printed /],
  ["drops-the-rest", "together", /^(ended with exit code 0 and has not printed|printed) /],
  ["16-bit-lengths", "lengths", /^printed /],
  ["writes-before-it-reads", "both-ways", /^did nothing for 10 s: it was waited for to read: \d+ of \d+ bytes wait$/],
  ["closes-at-once", "leaves", /./],
  ["ignores-the-end", "leaves", /^did nothing for 10 s: it was waited for to end its half of the stream/],
  ["prints-torn", "torn", /^printed "never\\n", not nothing more/],
  ["torn-is-an-end", "torn", /^ended with exit code 0 although something is wrong$/],
  ["torn-length-is-an-end", "torn-length", /^ended with exit code 0 although something is wrong$/],
  ["torn-empty-is-an-end", "torn-empty", /^ended with exit code 0 although something is wrong$/],
  ["no-limit", "too-long", /^did nothing for 10 s: it was waited for to end: something is wrong$/],
  ["32-bit-lengths", "too-long-high", /^printed "hello\\n", not nothing more/],
  ["signed-lengths", "too-long-minus", /^printed "hello\\n", not nothing more/, "u32"],
  ["decodes-text", "bytes", /^printed /],
  ["trims", "bytes", /^printed /],
  ["strips-cr", "bytes", /^sent /],
  ["no-secret", "secret", /^did nothing for 10 s: it was waited for to send 00 00 /],
  ["late-secret", "secret", /^did nothing for 10 s: it was waited for to send 00 00 /],
  ["forgets-offset", "resume", /^sent .*, not /],
  ["counts-payloads", "resume", /^sent .*, not /],
  ["counts-torn", "resume", /^sent .*, not /],
  ["counts-hello", "resume", /^sent .*, not /],
  ["ignores-gaps", "resume", /^sent .*, not /],
  ["prints-hello", "resume", /^printed "MOB1/],
  ["counts-torn", "resume", /^sent .*, not /, "line"],
];

test("each client that is wrong is caught by the case for what it does", {
  ...PATIENT,
  skip: ON_NODE,
}, async () => {
  const missed: string[] = [];
  await inEights(BUGS, async ([bug, name, says, framing = "u64"]) => {
    const each = casesOf(framing).find((one) => one.name === name)!;
    const wrong = await playWith(framing, each, bug, 10_000);
    if (wrong === undefined || !says.test(wrong)) missed.push(`${bug}: ${wrong}`);
  });
  assertEquals(missed, []);
  // Our client has no fault that is not tried here.
  const source = readFileSync(CLIENT[1]!, "utf8");
  const named = Array.from(source.matchAll(/bug\("([^"]+)"\)/g), ([, bug]) => bug!);
  assertEquals([...new Set(named)].sort(), [...new Set(BUGS.map(([bug]) => bug))].sort());
});

/** The bytes as hexadecimal digits: of a hundred MiB in all, for which `toHex` needs half a minute. */
function hexOf({ buffer, byteOffset, length }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, length).toString("hex");
}

/** The payloads of a stream, and how many bytes at its end are no whole frame. */
function payloadsOf(framing: FramingName, bytes: Uint8Array): { payloads: string[]; torn: number } {
  const rules = FRAMINGS[framing];
  const payloads: string[] = [];
  let at = 0;
  for (let end = rules.end(bytes, at, bytes.length, 2 ** 20); end > at && end <= bytes.length;) {
    payloads.push(hexOf(bytes.subarray(rules.payloadAt(bytes, at), end - rules.trailer)));
    at = end;
    end = rules.end(bytes, at, bytes.length, 2 ** 20);
  }
  return { payloads, torn: bytes.length - at };
}

test("the bytes of each case are the frames of what is said and printed, and only those of cuts are torn", {
  skip: ON_NODE,
}, () => {
  for (const framing of FRAMING_NAMES) {
    const cases = casesOf(framing);
    assertEquals(new Set(cases.map(({ name }) => name)).size, cases.length);
    for (const { name, connections, prints, needs, exit } of cases) {
      const what = `${framing} ${name}`;
      const hello = needs === "resume" ? 1 : 0;
      const [sent, received, said] = [[] as string[], [] as string[], [] as string[]];
      for (const [index, steps] of connections.entries()) {
        const toClient = payloadsOf(
          framing,
          concat(...steps.map((step) => bytesOf("sends" in step ? step.sends : ""))),
        );
        const toServer = payloadsOf(
          framing,
          concat(...steps.map((step) => bytesOf("receives" in step ? step.receives : ""))),
        );
        // A resuming client loses its first connection inside a frame.
        const isCut = exit === "other" || (hello > 0 && index === 0);
        assertEquals([toClient.torn > 0, toServer.torn], [isCut, 0], what);
        sent.push(...toClient.payloads.slice(hello));
        received.push(...toServer.payloads.slice(hello));
        said.push(...steps.flatMap((step) => "says" in step ? step.says.map(digitsOf) : []));
      }
      assertEquals(sent, prints.map(digitsOf), what);
      assertEquals(received, [...(needs === "secret" ? [toHex(utf8(SECRET))] : []), ...said], what);
    }
  }
});

test("mobcast check --vectors prints the files of examples/clients/vectors", async () => {
  for (const framing of FRAMING_NAMES) {
    const { code, stdout, stderr } = await runCommand(OURS, ["check", "--vectors", "--framing", framing]);
    assertEquals([code, stderr], [0, ""]);
    const file = readFileSync(join(ROOT, "examples/clients/vectors", `${framing}.json`), "utf8");
    assertEquals(
      stdout,
      file,
      `mobcast check --vectors --framing ${framing} > examples/clients/vectors/${framing}.json`,
    );
    const cases = JSON.parse(file) as (Case & { framing: string })[];
    assertEquals(cases.map(({ name }) => name), casesOf(framing).map(({ name }) => name));
    assert(cases.every((each) => each.framing === framing));
  }
});

test("mobcast check says which case failed and why, and what was not asked for", PATIENT, async () => {
  const wrong = ["check", "--only", "order", "--", "env", "BUG=little-endian", ...CLIENT];
  const { code, stdout, stderr } = await runPatiently(wrong);
  assertEquals([code, stderr], [1, ""]);
  assertMatch(
    stdout,
    /^FAIL {2}u64 order: sends each message as a frame, .*\n {6}the client sent 05 00 .*, not 00 00 .*\n/,
  );
  assertStringIncludes(stdout, "\n0 of 1 cases passed\n");

  const right = await runPatiently(["check", "--only", "order", "--framing", "line,u32", ...CLIENT]);
  assertMatch(right.stdout, /^ok {4}line order: .*\nok {4}u32 order: .*\n2 of 2 cases passed\n$/);
  assertEquals([right.code, right.stderr], [0, ""]);

  const missing = await runPatiently(["check", "--only", "order", "/no/such/program"]);
  assertEquals(missing.code, 1);
  assertStringIncludes(missing.stdout, "the client could not be run: there is no such program");

  for (
    const [args, part] of [[["check"], "there is no CLIENT"], [
      ["check", "--framing", "u16", "x"],
      "u64, u32, line",
    ]] as const
  ) {
    const usage = await runPatiently(args);
    assertEquals([usage.code, usage.stdout], [2, ""]);
    assertStringIncludes(usage.stderr, part);
  }
});

test("mobcast check ends at SIGTERM, and its client with it", PATIENT, async () => {
  await using check = new CommandLine(OURS, ["check", ...CLIENT]);
  // By then it listens to signals.
  while (!check.stdout.includes("ok ")) await pause(20);
  check.signal("SIGTERM");
  const { code, stdout } = await check.ended;
  assert(code !== null && !stdout.includes("FAIL"), `${code} ${stdout}`);
});

for (const program of FOREIGN_PROGRAMS) {
  test(
    `examples/clients/${program.file} passes`,
    { skip: program.skip || ON_NODE, ...PATIENT },
    () =>
      withForeignProgram(program, async (command) => {
        const args = ["check", "--secret", "--patience", "60s", "--", ...command];
        await using check = new CommandLine(OURS, args);
        const { code, stdout, stderr } = await check.ended;
        assertEquals([code, stderr], [0, ""], stdout);
        assertMatch(stdout, /\n16 of 16 cases passed; cases that were not asked for: --hex 1, --resume 1\n$/);
      }),
  );
}
