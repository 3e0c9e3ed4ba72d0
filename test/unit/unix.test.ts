/** Listeners through Unix sockets, on the runtime at hand: modes, what else may be at their path, and abstract names. */

import { test } from "node:test";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import process from "node:process";
import { Worker } from "node:worker_threads";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { runtimeAdapter } from "../../adapters/runtime.ts";
import { bindUnix, systemPath } from "../../adapters/shared/unix_socket.ts";
import type { ListeningSocket } from "../../src/contract/adapter.ts";
import { connect } from "../../mod.ts";
import { FullListener, NO_FULL_LISTENERS } from "../helpers/full_listener.ts";
import { asked, pause, rejection, within } from "../helpers/wait.ts";
import { assertOpen, case_, modeOf, open, root } from "../helpers/unix_listener.ts";

const adapter = await runtimeAdapter();

// --- the file ---

case_("a listener is open, and its file is gone after close", async (directory) => {
  const path = join(directory, "mob.sock");
  const mob = await open(`unix://${path}`);
  assertEquals(mob.urls, [`unix://${path}`]);
  assert(lstatSync(path).isSocket());
  await assertOpen(`unix://${path}`);
  await mob.close();
  assertEquals(readdirSync(directory), []);
});

case_("a path may be relative", async () => {
  const name = `mobcast-test-${process.pid}.sock`;
  await using _mob = await open(`unix:${name}`);
  assert(existsSync(name));
  await assertOpen(`unix:${name}`);
});

case_("the other end is called unix, and is not counted by address", async (directory) => {
  const url = `unix://${join(directory, "mob.sock")}`;
  await using mob = await open(url, { maxConnectionsPerAddress: 1 });
  const clients = await Promise.all([connect(url), connect(url), connect(url)]);
  await asked(() => mob.connections().length, (count) => count === 3);
  assertEquals(mob.connections().map(({ remoteAddress: client }) => client), ["unix", "unix", "unix"]);
  await Promise.all(clients.map((client) => client.close()));
});

for (const [mode, expected] of [[undefined, "600"], [0o660, "660"], [0o666, "666"], [0o777, "777"]] as const) {
  case_(
    `the mode of the file is ${expected} ${mode === undefined ? "when none is given" : "when it is asked for"}`,
    async (directory) => {
      const before = process.umask();
      const path = join(directory, "mob.sock");
      await using _mob = await open(`unix://${path}`, { unixMode: mode });
      assertEquals([modeOf(path), process.umask()], [expected, before]);
    },
  );
}

case_("a mode that is none is refused by name", async (directory) => {
  for (const unixMode of [-1, 0o1000, 6.5, Number.NaN]) {
    const error = await rejection(open(`unix://${join(directory, "mob.sock")}`, { unixMode }), "serve");
    assertStringIncludes(error.message, `unixMode ${unixMode}`);
  }
  assertEquals(readdirSync(directory), []);
});

/** Looks at a path again and again in a thread of its own, counts the times that something was there, and reports every mode. */
const WATCHER = `
  const { parentPort, workerData } = require("node:worker_threads");
  const { lstatSync } = require("node:fs");
  const modes = new Set();
  parentPort.postMessage("looks");
  while (Atomics.load(workerData.shared, 0) === 0) {
    const stats = lstatSync(workerData.path, { throwIfNoEntry: false });
    if (stats === undefined) continue;
    modes.add((stats.mode & 0o777).toString(8));
    Atomics.add(workerData.shared, 1, 1);
  }
  parentPort.postMessage([...modes]);
`;

case_("no other mode is ever seen, and no umask is changed for it", async (directory) => {
  const path = join(directory, "mob.sock");
  const before = process.umask(0);
  const shared = new Int32Array(new SharedArrayBuffer(8));
  const watcher = new Worker(WATCHER, { eval: true, workerData: { path, shared } });
  const said = (): Promise<unknown> => new Promise((resolve) => void watcher.once("message", resolve));
  try {
    await said();
    const modes = said();
    for (let again = 0; again < 100; again++) {
      const mob = await open(`unix://${path}`, { unixMode: 0o606 });
      assertEquals(process.umask(), 0);
      // A busy machine may not run the watcher before the file is gone.
      const seen = Atomics.load(shared, 1);
      while (again % 10 === 0 && Atomics.load(shared, 1) === seen) await pause(1);
      await mob.close();
    }
    Atomics.store(shared, 0, 1);
    assertEquals(await within(modes, "the watcher", 20_000), ["606"]);
  } finally {
    process.umask(before);
    await watcher.terminate();
  }
});

/** Opens a listener in a thread, which has no umask of its own, and closes it on request. */
const THREAD = `
  const { parentPort, workerData } = require("node:worker_threads");
  const open = async () => {
    if (workerData.loader) (await import(workerData.loader)).register();
    const { serve } = await import(workerData.serve);
    const mob = await serve({ listen: workerData.url, unixMode: 0o640 });
    parentPort.once("message", () => mob.close().then(() => parentPort.postMessage("closed")));
    return "open";
  };
  open().catch((error) => String(error)).then((outcome) => parentPort.postMessage(outcome));
`;

case_("a listener opens in a worker thread", async (directory) => {
  const path = join(directory, "mob.sock");
  const url = `unix://${path}`;
  // Node needs help with TypeScript in each thread.
  const loader = adapter.name === "node" ? new URL("node_modules/tsx/dist/esm/api/index.mjs", root).href : undefined;
  const workerData = { url, loader, serve: new URL("mod.ts", root).href };
  const worker = new Worker(THREAD, { eval: true, workerData });
  const said = (): Promise<unknown> => new Promise((resolve) => void worker.once("message", resolve));
  try {
    assertEquals(await within(said(), "the worker", 30_000), "open");
    assertEquals(modeOf(path), "640");
    await assertOpen(url);
    const closed = said();
    worker.postMessage("close");
    assertEquals(await within(closed, "the worker to close", 20_000), "closed");
    assertEquals(readdirSync(directory), []);
  } finally {
    await worker.terminate();
  }
});

// --- an address in use ---

case_("an address on which a server answers is in use, and stays that server's", async (directory) => {
  const url = `unix://${join(directory, "mob.sock")}`;
  await using _mob = await open(url);
  const error = await rejection(open(url), "serve");
  assertEquals([error.code, error.message], ["EADDRINUSE", `Cannot listen on ${url}: address in use (EADDRINUSE)`]);
  await assertOpen(url);
  assertEquals(readdirSync(directory), ["mob.sock"]);
});

case_("an address on which another program answers is in use", async (directory) => {
  const path = join(directory, "mob.sock");
  const other = createServer((socket) => void socket.destroy());
  await new Promise<void>((resolve) => other.listen({ path }, () => resolve()));
  assertEquals((await rejection(open(`unix://${path}`), "serve")).code, "EADDRINUSE");
  assert(existsSync(path));
  await new Promise<void>((resolve) => other.close(() => resolve()));
});

if (NO_FULL_LISTENERS === false) {
  case_(
    "an address of a program that is stopped, with as many connections waiting as fit, is in use",
    async (directory) => {
      const path = join(directory, "full.sock");
      await using full = await FullListener.open(path);
      const { ino } = lstatSync(path);
      assertMatch((await rejection(open(`unix:${path}`), "listen")).message, /in use/);
      assertEquals(lstatSync(path).ino, ino);
      full.accept();
    },
  );
}

case_("what is no socket is not replaced, and the error says so", async (directory) => {
  const file = join(directory, "file");
  writeFileSync(file, "precious");
  mkdirSync(join(directory, "folder"));
  symlinkSync(file, join(directory, "link"));
  for (const [name, kind] of [["file", "a file"], ["folder", "a directory"], ["link", "a symbolic link"]] as const) {
    const error = await rejection(open(`unix://${join(directory, name)}`), "serve");
    assertMatch(error.message, new RegExp(`is ${kind} and no socket`));
  }
  assertEquals(readFileSync(file, "utf8"), "precious");
  assertEquals(readdirSync(directory).sort(), ["file", "folder", "link"]);
});

case_("a directory that there is not is an error of the system", async (directory) => {
  const error = await rejection(open(`unix://${join(directory, "nowhere", "mob.sock")}`), "serve");
  assertEquals(error.code, "ENOENT");
  assertStringIncludes(error.message, "no such file or directory (ENOENT)");
  writeFileSync(join(directory, "file"), "");
  const inFile = await rejection(open(`unix://${join(directory, "file", "mob.sock")}`), "serve");
  assertMatch(inFile.message, /: not a directory \(ENOTDIR\)$/);
});

case_("a path without room for the directory in which a socket is made is refused in words", async (directory) => {
  const deep = join(directory, "d".repeat(100 - directory.length));
  mkdirSync(deep);
  const error = await rejection(open(`unix://${join(deep, "mob")}`), "serve");
  assertMatch(error.message, /the directory of a socket has a path of at most \d+ bytes/);
  assertEquals(readdirSync(deep), []);
});

case_("the longest path is a listener", async (directory) => {
  const name = "m".repeat(107 - directory.length - 1);
  await using _mob = await open(`unix://${directory}/${name}`);
  await assertOpen(`unix://${directory}/${name}`);
  assertEquals(readdirSync(directory), [name]);
});

/** What may have come to be at the path of a listener. */
const SUCCESSORS: Readonly<Record<string, (path: string) => void>> = {
  "a file": (path) => writeFileSync(path, "precious"),
  "a directory": (path) => mkdirSync(path),
  "a symbolic link": (path) => symlinkSync("nowhere", path),
  "nothing": () => {},
};

// --- which file it is ---

for (const [what, make] of Object.entries(SUCCESSORS)) {
  case_(`${what} in the place of a removed file is left alone by close`, async (directory) => {
    const path = join(directory, "mob.sock");
    const mob = await open(`unix://${path}`);
    rmSync(path);
    make(path);
    const before = lstatSync(path, { throwIfNoEntry: false })?.ino;
    await mob.close();
    assertEquals(lstatSync(path, { throwIfNoEntry: false })?.ino, before);
    assertEquals(readdirSync(directory).length, before === undefined ? 0 : 1);
  });
}

case_("another mob's socket in the place of a removed file is left alone by close", async (directory) => {
  const url = `unix://${join(directory, "mob.sock")}`;
  const mob = await open(url);
  rmSync(join(directory, "mob.sock"));
  await using _other = await open(url);
  await mob.close();
  await assertOpen(url);
});

case_("a file that was touched is still one's own, and a moved one is left where it is", async (directory) => {
  const path = join(directory, "mob.sock");
  const touched = await open(`unix://${path}`);
  utimesSync(path, 1, 1);
  await touched.close();
  assertEquals(readdirSync(directory), []);
  const moved = await open(`unix://${path}`);
  renameSync(path, join(directory, "moved"));
  await assertOpen(`unix://${directory}/moved`);
  await moved.close();
  assertEquals(readdirSync(directory), ["moved"]);
});

case_("a relative path is that of the directory at the time", async (directory) => {
  const before = process.cwd();
  process.chdir(directory);
  try {
    const mob = await open("unix:mob.sock");
    process.chdir(before);
    assertEquals(readdirSync(directory), ["mob.sock"]);
    await mob.close();
    assertEquals(readdirSync(directory), []);
  } finally {
    process.chdir(before);
  }
});

case_("when the directory is no longer writable, close ends all the same", async (directory) => {
  const path = join(directory, "inner", "mob.sock");
  mkdirSync(join(directory, "inner"));
  const mob = await open(`unix://${path}`);
  rmSync(join(directory, "inner"), { recursive: true });
  await within(mob.close(), "close", 10_000);
});

// --- other systems ---

case_(
  "where a socket cannot have a second name it is made at its path, with its mode, and removed",
  async (directory) => {
    const address = { transport: "unix", path: join(directory, "mob.sock") } as const;
    const bind = (path: string): Promise<ListeningSocket> =>
      new Promise((resolve) => {
        const server = createServer().listen({ path }, () => resolve({ address, close }));
        const close = (): Promise<void> => new Promise((closed) => void server.close(() => closed()));
      });
    for (const code of ["ENOTSUP", "EPERM"]) {
      const listening = await bindUnix(address, 0o640, bind, () => {
        throw Object.assign(new Error(code), { code });
      });
      assertEquals([readdirSync(directory), modeOf(address.path)], [["mob.sock"], "640"]);
      await listening.close();
      assertEquals(readdirSync(directory), []);
    }
  },
);

test("unix: Windows is refused by name, and abstract names elsewhere than on Linux", () => {
  const refused = (path: string, system: NodeJS.Platform): string => {
    try {
      return systemPath({ transport: "unix", path }, system);
    } catch (error) {
      return (error as Error).message;
    }
  };
  assertEquals(
    refused("C:/mob.sock", "win32"),
    "Unix sockets cannot be used on Windows, use a port such as tcp://127.0.0.1:8000",
  );
  assertEquals(refused("/run/mob.sock", "darwin"), "/run/mob.sock");
  assertMatch(refused("@name", "darwin"), /^abstract names \(@name\) exist on Linux only/);
});

const isLinux = process.platform === "linux";

const padsNames = adapter.name === "node" && Number.parseInt(process.versions.node) < 22;

// --- abstract names ---

case_("an abstract name is a listener without a file, or is refused by name", async () => {
  const url = `unix:@mobcast-test-${process.pid}-${adapter.name}`;
  if (!isLinux || padsNames) {
    for (const attempt of [open, connect]) {
      assertMatch((await rejection(attempt(url), url)).message, /abstract names \(@name\)/);
    }
    return;
  }
  const mob = await open(url);
  assertEquals(mob.urls, [url]);
  // Exactly this name, with nothing behind it.
  assertMatch(readFileSync("/proc/net/unix", "utf8"), new RegExp(` ${url.slice("unix:".length)}$`, "m"));
  await assertOpen(url);
  assertEquals((await rejection(open(url), "serve")).code, "EADDRINUSE");
  await mob.close();
  await rejection(connect(url), "connect");
});
