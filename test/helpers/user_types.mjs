// Compiles a program that uses the package as its users do: node test/helpers/user_types.mjs [FOLDER-OF-TYPESCRIPT]. Prints
// the errors as JSON, by configuration, and exits with 1 when there are any. A script for Node: the compiler is the same on all runtimes.

import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
// `deno check` resolves imports by an import map that has none of it.
const ts = createRequire(import.meta.url)(process.argv[2] ?? "typescript");

/** A program without any global of a platform. */
const PROGRAM = `
import { type Client, ClientError, connect, type ConnectionInfo, type MobOptions, serve } from "mobcast";
import { FrameDecoder, Log } from "mobcast/core";
import { memoryAdapter } from "mobcast/memory";
import "mobcast/node";
import "mobcast/bun";
import "mobcast/deno";

const options: MobOptions = { maxFrame: undefined, slowConsumer: "skip", allow: undefined };

export async function main(signal: AbortSignal | undefined): Promise<string> {
  const adapter = memoryAdapter({ capacity: undefined });
  const onJoin = ({ remoteAddress }: ConnectionInfo): void => void remoteAddress;
  const mob = await serve({ ...options, listen: "tcp://127.0.0.1:0", adapter, signal, onJoin });
  const client: Client = await connect(mob.urls[0]!, { adapter, signal, maxFrame: undefined, reconnect: false });
  await client.send("hello", { signal });
  for await (const message of client) {
    const bytes: Uint8Array = message;
    new FrameDecoder({ maxFrame: bytes.length }).reset();
    break;
  }
  for await (const text of client.text()) return text;
  for await (const { count } of client.json<{ count: number }>()) return String(count);
  const { error } = await client.close({ timeout: undefined });
  await mob.close();
  return error instanceof ClientError ? error.code : String(new Log().end);
}
`;

/** A program of a page. */
const PAGE = `
import { type Client, ClientError, connect, connectOnce, type ConnectOptions } from "mobcast/browser";
const options: ConnectOptions = { reconnect: { maxDelay: undefined }, ping: undefined };
export async function page(): Promise<string> {
  const client: Client = await connect("wss://example.com/", options);
  const { error } = await (await connectOnce("wss://example.com/", { receive: false })).close();
  for await (const text of client.text()) return text;
  return error instanceof ClientError ? error.code : "";
}
`;

/** The same for the platforms that have what is named. */
const STREAMS = `
import type { Client, Mob } from "mobcast";
export const read = async (client: Client): Promise<Uint8Array | undefined> => (await client.readable.getReader().read()).value;
export const listen = async (mob: Mob): Promise<void> => {
  await using own = mob;
  await own.listen(new URL("tcp://127.0.0.1:0"));
  AbortSignal.timeout(1000).addEventListener("abort", () => void own.close());
};
`;

const COMMON_JS = `
import mobcast = require("mobcast");
import memory = require("mobcast/memory");
export const mob = new mobcast.Mob(memory.memoryAdapter(), { maxLag: undefined });
`;

const { NodeNext, ESNext } = ts.ModuleKind;
const nodeNext = { module: NodeNext, moduleResolution: ts.ModuleResolutionKind.NodeNext };
const bundler = { module: ESNext, moduleResolution: ts.ModuleResolutionKind.Bundler };
const ES2022 = ["lib.es2022.d.ts"];
const DISPOSABLE = ["lib.es2022.d.ts", "lib.esnext.disposable.d.ts"];

/** What the users of a package choose: their libraries, their types, their modules. */
const CONFIGURATIONS = {
  "ES2022 alone": [["user.ts", "user.cts", "page.ts"], { ...nodeNext, lib: ES2022 }],
  "ES2022 and DOM": [["user.ts", "page.ts"], {
    ...bundler,
    lib: [...ES2022, "lib.dom.d.ts", "lib.dom.asynciterable.d.ts"],
  }],
  "DOM with disposables": [["user.ts", "streams.ts"], { ...bundler, lib: [...DISPOSABLE, "lib.dom.d.ts"] }],
  "Node": [["user.ts", "user.cts", "streams.ts"], { ...nodeNext, lib: ES2022, types: ["node"] }],
};

const folder = mkdtempSync(join(tmpdir(), "mobcast-types-"));
try {
  mkdirSync(join(folder, "node_modules"));
  symlinkSync(root, join(folder, "node_modules/mobcast"), "junction");
  symlinkSync(join(root, "node_modules/@types"), join(folder, "node_modules/@types"), "junction");
  for (
    const [name, text] of Object.entries({
      "user.ts": PROGRAM,
      "streams.ts": STREAMS,
      "page.ts": PAGE,
      "user.cts": COMMON_JS,
    })
  ) {
    writeFileSync(join(folder, name), text);
  }
  writeFileSync(join(folder, "package.json"), `{ "type": "module" }`);
  process.chdir(folder);
  // Files of the compiler's own are read once.
  const files = new Map();
  const found = {};
  for (const [name, [programs, options]] of Object.entries(CONFIGURATIONS)) {
    const all = {
      target: ts.ScriptTarget.ES2022,
      types: [],
      strict: true,
      exactOptionalPropertyTypes: true,
      noUncheckedIndexedAccess: true,
      skipLibCheck: false,
      skipDefaultLibCheck: true,
      noEmit: true,
      ...options,
    };
    const host = ts.createCompilerHost(all);
    const { getSourceFile } = host;
    host.getSourceFile = (file, version, ...more) => {
      const key = JSON.stringify([file, version]);
      if (/[\\/]lib\.[\w.]+\.d\.ts$/.test(file) && !files.has(key)) {
        files.set(key, getSourceFile(file, version, ...more));
      }
      return files.get(key) ?? getSourceFile(file, version, ...more);
    };
    const program = ts.createProgram(programs.map((file) => join(folder, file)), all, host);
    found[name] = ts.getPreEmitDiagnostics(program).map(({ file, messageText }) =>
      `${file?.fileName}: ${ts.flattenDiagnosticMessageText(messageText, " ")}`
    );
  }
  console.log(JSON.stringify(found, null, 2));
  if (Object.values(found).some((errors) => errors.length > 0)) process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
