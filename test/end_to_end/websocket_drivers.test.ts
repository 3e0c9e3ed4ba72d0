/** WebSocket clients that are not ours, all in one mob of the runtime at hand as users start it. */

import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { assertEquals } from "@std/assert";
import { CommandLine, OURS, ROOT, startServer } from "../helpers/command_line.ts";

const PYTHON = "/usr/bin/python3";
const helper = (name: string): string => join(ROOT, "test/helpers", name);
const bin = (name: string): string => join(ROOT, "node_modules/.bin", name);

/** What a client is started with, before the URL of the mob and a name. */
interface Driver {
  readonly name: string;
  readonly command: readonly string[];
  readonly library?: string;
  /** Why it cannot run here; `false`: it can. */
  readonly skip?: string | false;
}

const SCRIPT = helper("websocket_driver.mjs");
/** Node 20 has a WebSocket when it is asked for it. Which Node that is, only it knows. */
const isOld = /^v20\./.test(`${spawnSync("node", ["--version"]).stdout}`);

function pythonLacks(library: string): string | false {
  const { status } = spawnSync(PYTHON, ["-c", "import websockets, wsproto"]);
  return status === 0 ? false : `${PYTHON} has no ${library}: apt install python3-websockets python3-wsproto`;
}

const DRIVERS: readonly Driver[] = [
  ...["websockets", "wsproto"].map((library): Driver => ({
    name: `python3-${library}`,
    command: [PYTHON, helper("websocket_driver.py")],
    library,
    skip: pythonLacks(library),
  })),
  { name: "ws", command: ["node", SCRIPT], library: "ws" },
  { name: "WebSocket of Node", command: ["node", ...(isOld ? ["--experimental-websocket"] : []), SCRIPT] },
  { name: "WebSocket of Bun", command: [bin("bun"), "run", SCRIPT] },
  { name: "WebSocket of Deno", command: [bin("deno"), "run", "--allow-net", "--no-lock", SCRIPT] },
];

for (const { name, skip } of DRIVERS) if (skip) test(`${OURS}: ${name} in a mob`, { skip }, () => {});

test(`${OURS}: WebSocket clients that are not ours: messages, pings, close codes, and 1001 on SIGTERM`, {
  timeout: 60_000,
}, async () => {
  await using server = await startServer(OURS, ["ws://127.0.0.1:0/", "--max-frame", "400000"]);
  const drivers = DRIVERS.filter(({ skip }) => !skip);
  const clients = drivers.map(({ command, library }, index) =>
    new CommandLine(OURS, [server.url, `<${index}>`, ...(library ? [library] : [])], command)
  );
  try {
    const ends = await Promise.all(clients.map(async (client, index) => {
      await client.match(/^ready$/m).catch((error: Error) => {
        throw new Error(`${drivers[index]!.name}: ${error.message}`);
      });
    })).then(async () => {
      const { code, stderr } = await server.stop("SIGTERM");
      assertEquals(code, 0, stderr);
      return await Promise.all(clients.map((client) => client.exit()));
    });
    assertEquals(
      ends.map(({ code, stdout, stderr }, index) => [drivers[index]!.name, code, stdout, stderr]),
      drivers.map(({ name }) => [name, 0, "ready\ndone\n", ""]),
    );
  } finally {
    for (const client of clients) await client[Symbol.asyncDispose]();
  }
});
