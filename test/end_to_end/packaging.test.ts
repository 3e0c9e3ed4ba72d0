/** How a server is packaged: the units and the script for systemd, the image, and the program in a single file. */

import { test } from "node:test";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { manPage } from "../../packaging/man_page.ts";
import { CommandLine, OURS, ROOT, startServer } from "../helpers/command_line.ts";

const read = (path: string): string => readFileSync(join(ROOT, path), "utf8");
const starts = (command: string, ...args: string[]): boolean => spawnSync(command, args).error === undefined;

/** A folder that goes when the test ends. */
class Folder implements Disposable {
  readonly path: string = mkdtempSync(join(tmpdir(), "packaging-"));

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

// --- systemd ---

/** Why the script cannot be tried. */
const noNotify = OURS !== "node"
  ? "it is tried with the server on Node"
  : ["curl", "systemd-notify", "python3"].every((tool) => starts(tool, "--version"))
  ? false
  : "it needs curl, systemd-notify and Python";

/** Prints each note that is sent to a socket, as systemd would receive it, and lets the sender go on. */
const RECEIVER = `
import array, os, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
print("receives", flush=True)
while True:
    text, parts, _, _ = s.recvmsg(4096, 1024)
    for level, kind, data in parts:
        for fd in array.array("i", data[:len(data) - len(data) % 4]) if kind == socket.SCM_RIGHTS else []:
            os.close(fd)
    for line in text.decode().split("\\n"):
        print("note", line, flush=True)
`;

test("systemd is told when the server is ready, and that it lives, as long as its event loop answers", {
  skip: noNotify,
  timeout: 120_000,
}, async () => {
  using folder = new Folder();
  const notes = join(folder.path, "notes");
  await using receiver = new CommandLine("node", [notes], ["python3", "-c", RECEIVER]);
  await receiver.match(/^receives$/m);
  const status = `MOBCAST_STATUS=unix:${join(folder.path, "status.sock")}`;
  const program = ["node", "dist/bin/bin.js", "tcp://127.0.0.1:0"];
  const env = [`NOTIFY_SOCKET=${notes}`, "WATCHDOG_USEC=1000000", status];
  await using server = new CommandLine("node", program, ["env", ...env, "packaging/systemd/notify"]);
  await receiver.match(/^note READY=1$/m);
  assertMatch(server.stdout, /^listening on tcp:/m);
  await receiver.match(/(?:note WATCHDOG=1\n[^]*){2}/);
  // It is the process that was started, so a signal reaches it, and its code is that of the service.
  server.signal("SIGTERM");
  assertEquals((await server.exit()).code, 0);
});

test("the script for systemd says what it lacks", { skip: noNotify }, () => {
  const run = (env: Record<string, string>, ...args: string[]): unknown[] => {
    const { status, stderr } = spawnSync(join(ROOT, "packaging/systemd/notify"), args, {
      env: { ...process.env, ...env },
      encoding: "utf8",
    });
    return [status, stderr];
  };
  assertEquals(run({}), [2, "notify: Cannot start a server: no command, write notify COMMAND\n"]);
  const unusable = "notify: Cannot use MOBCAST_STATUS: http://h:1, set it to unix:PATH\n";
  assertEquals(run({ MOBCAST_STATUS: "http://h:1" }, "true"), [2, unusable]);
  assertMatch(String(run({ MOBCAST_STATUS: "unix:/s", PATH: "/nowhere" }, "true")[1]), /Cannot find curl: install it/);
});

const UNITS = ["mobcast.service", "mobcast-proxy.service", "mobcast-proxy.socket"];

test("the units for systemd are right", {
  skip: starts("systemd-analyze", "--version") ? false : "this system has no systemd-analyze",
}, () => {
  using folder = new Folder();
  const analyze = (): string => {
    const paths = UNITS.map((name) => join(folder.path, name));
    const { stdout, stderr } = spawnSync("systemd-analyze", ["verify", "--man=no", ...paths], { encoding: "utf8" });
    return stdout + stderr;
  };
  // What is installed by its user is not there.
  const unitOf = (name: string): string =>
    read(`packaging/systemd/${name}`).replace("/usr/local/lib/mobcast/notify", join(ROOT, "packaging/systemd/notify"));
  for (const name of UNITS) writeFileSync(join(folder.path, name), unitOf(name));
  assertEquals(analyze(), "");
  writeFileSync(join(folder.path, UNITS[0]!), unitOf(UNITS[0]!).replace("WatchdogSec", "WatchdogSecs"));
  assertStringIncludes(analyze(), "WatchdogSecs");
});

test("what the image and the units name is there: files, variables, the program", () => {
  const { bin, files } = JSON.parse(read("package.json")) as { bin: { mobcast: string }; files: string[] };
  assert(files.includes("dist"));
  const texts = ["packaging/Containerfile", ...UNITS.map((name) => `packaging/systemd/${name}`)].map(read);
  const page = manPage().replaceAll("\\-", "-");
  const variables = texts.flatMap((text) => text.match(/\bMOBCAST_\w+/g) ?? []);
  assert(variables.length > 6, variables.join(", "));
  for (const name of new Set(variables)) {
    const flag = `--${name.slice("MOBCAST_".length).toLowerCase().replaceAll("_", "-")}`;
    assert(name === "MOBCAST_LISTEN" || page.includes(`\\fB${flag}\\fR`), name);
  }
  const programs = texts.flatMap((text) => text.match(/node_modules\/mobcast\/[\w/.]+/g) ?? []);
  assertEquals(programs, [`node_modules/mobcast/${bin.mobcast}`, `node_modules/mobcast/${bin.mobcast}`]);
});

// --- image ---

test("the health check of the image tells a server that lives from none", {
  skip: OURS === "node" ? false : "it is a program for Node",
  timeout: 120_000,
}, async () => {
  const [, text] = /^ {2}CMD (\[.*\])$/m.exec(read("packaging/Containerfile")) ?? [];
  const [command, ...args] = JSON.parse(text!) as string[];
  await using server = await startServer(OURS, ["--status", "http://127.0.0.1:0"]);
  const [, url] = await server.match(/^status on (\S+)\/$/m);
  const check = async (at: string): Promise<number | null> => {
    const adapted = args.map((arg) => arg.replace("http://127.0.0.1:9100", at));
    assert(adapted.join() !== args.join());
    await using run = new CommandLine(OURS, adapted, [command!]);
    return (await run.exit()).code;
  };
  assertEquals(await check(url!), 0);
  assertEquals(await check(`${url}/nothing`), 1);
  await server.stop();
  assertEquals(await check(url!), 1);
});

// --- a single file ---

test("bun: the program in a single file serves, also with threads, and publishes", {
  skip: OURS === "bun" ? false : "Bun makes it",
  timeout: 240_000,
}, async () => {
  using folder = new Folder();
  const program = join(folder.path, "mobcast");
  const { scripts } = JSON.parse(read("package.json")) as { scripts: Record<string, string> };
  const [bun, ...args] = scripts["single-file"]!.split(" ");
  assertEquals([bun, args.at(-2)], ["bun", "--outfile"]);
  const made = spawnSync(process.execPath, [...args.slice(0, -1), program], { cwd: ROOT, encoding: "utf8" });
  assertEquals(made.status, 0, made.stderr);
  // Nothing of the repository is beside it.
  const away = join(folder.path, "away");
  mkdirSync(away);
  assert(!existsSync(join(away, "package.json")));
  for (const more of [[], ["--threads", "2"]]) {
    await using server = new CommandLine(OURS, ["tcp://127.0.0.1:0", ...more], [program]);
    const [, url] = await server.match(/^listening on (\S+)/m);
    const sent = spawnSync(program, ["pub", url!, "hello"], { cwd: away, encoding: "utf8" });
    assertMatch(sent.stdout, /^published 1 message, 5 bytes/, sent.stderr);
    server.signal("SIGTERM");
    assertEquals((await server.exit()).code, 0);
  }
});
