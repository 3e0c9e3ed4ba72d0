/** Rows: the servers that are compared. */

import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { programOf, ROOT, type RuntimeName, RUNTIMES } from "../test/helpers/command_line.ts";
import { type Dialect, MOB, NATS, PACKED, PLAIN, RESP, WEBSOCKET } from "./dialects.ts";
import type { Shape } from "./shapes.ts";
import { CERT, KEY } from "./tls.ts";

/** A server. */
export interface Row {
  readonly name: string;
  readonly family:
    | "mobcast"
    | "limit"
    | "naive"
    | "idle"
    | "walk"
    | "empty"
    | "client"
    | "websocket"
    | "scraped"
    | "tls";
  readonly dialect: Dialect;
  /** Whether it works on one processor at a time, or on all there are. */
  readonly threads: "one" | "many";
  /** Where it speaks TLS: how its greeting in the clear ends, if it has one. */
  readonly tls?: { readonly greetingEnd: string };
  /** How many may be joining at a time, where the server gives the kernel a small backlog. */
  readonly backlog?: number;
  /** What starts it on a port of 127.0.0.1. */
  command(port: number): readonly string[];
  /** The Unix socket of its status listener, which is scraped once a second while it is loaded. */
  status?(port: number): string;
  /** The command for a small machine, where that is another one. */
  small?(port: number): readonly string[];
  /** The usual command to start it, where that is another one. */
  plain?(port: number): readonly string[];
  /** Why it cannot run here, when it cannot. */
  missing(): string | undefined;
}

const here = (): undefined => undefined;

const FLAGS: readonly string[] = ["--max-connections", "60000", "--log-level", "off"];

function mobcast(runtime: RuntimeName): Row {
  return {
    name: `mobcast ${runtime}`,
    family: "mobcast",
    dialect: MOB,
    threads: "one",
    command: (port) => [...programOf(runtime), `tcp://127.0.0.1:${port}`, ...FLAGS],
    plain: (port) => [...programOf(runtime), `tcp://127.0.0.1:${port}`],
    small: (port) => [
      ...[...programOf(runtime), `tcp://127.0.0.1:${port}`, "--max-lag", "1MiB"],
      ...["--max-connections", "100", "--log-level", "off"],
    ],
    missing: () =>
      runtime === "node" && !existsSync(join(ROOT, "dist/bin/bin.js")) ? "dist is not built: npm run build" : undefined,
  };
}

/** A mob with a WebSocket listener. `beside` loads a second listener, of u64, while that one has no clients. */
function webSocketMob(runtime: RuntimeName, kind: "ws" | "packed" | "beside"): Row {
  const urls = (port: number): string[] =>
    kind === "beside" ? [`tcp://127.0.0.1:${port}`, "ws://127.0.0.1:0"] : [`ws://127.0.0.1:${port}`];
  return {
    ...mobcast(runtime),
    name: `mobcast ${runtime} ${kind === "beside" ? "beside ws" : kind}`,
    family: "websocket",
    dialect: { ws: WEBSOCKET, packed: PACKED, beside: MOB }[kind],
    command: (port) => [...programOf(runtime), ...urls(port), ...FLAGS],
  };
}

/** A mob with a status listener, which is scraped as Prometheus does. */
function scrapedMob(runtime: RuntimeName): Row {
  const status = (port: number): string => join(tmpdir(), `mobcast-bench-${port}.sock`);
  return {
    ...mobcast(runtime),
    name: `mobcast ${runtime} scraped`,
    family: "scraped",
    status,
    command: (port) => {
      const urls = [`tcp://127.0.0.1:${port}`, "--status", `unix:${status(port)}`];
      // With the permissions that Deno needs for a Unix socket.
      return [...programOf(runtime, [`unix:${status(port)}`]), ...urls, ...FLAGS];
    },
  };
}

/** A server of WebSocket of which a package or the runtime does most. */
function webSocketPeer(name: string, runtime: RuntimeName, file: string, needs?: string, ...rest: string[]): Row {
  const found = needs === undefined || existsSync(join(ROOT, "node_modules", needs));
  return {
    ...control("websocket", runtime, file, ...rest),
    name,
    dialect: WEBSOCKET,
    missing: () => found ? undefined : `${needs} is not installed: npm install`,
  };
}

/** A program of bench/controls. Node's is built first: mobcast's is. */
function control(family: Row["family"], runtime: RuntimeName, file: string, ...rest: string[]): Row {
  // What reads a certificate needs the permission for it on Deno.
  const rights = rest.includes(CERT) ? ["--cert"] : [];
  const start = runtime === "node"
    ? ["node", `node_modules/.cache/mobcast-bench/${file}.node.js`]
    : [...programOf(runtime, rights).slice(0, -1), `bench/controls/${file}.${runtime}.ts`];
  return {
    name: `${family} ${runtime}`,
    family,
    dialect: MOB,
    threads: "one",
    command: (port) => [...start, `${port}`, ...rest],
    missing: here,
  };
}

function client(
  name: string,
  program: string,
  dialect: Dialect,
  threads: Row["threads"],
  flags: (port: number) => string[],
): Row {
  return {
    name,
    family: "client",
    dialect,
    threads,
    command: (port) => [program, ...flags(port)],
    missing: () =>
      spawnSync("sh", ["-c", `command -v ${program}`]).status === 0 ? undefined : `${program} is not installed`,
  };
}

/** A mob over TLS, and the smallest server on the runtime's own `node:tls`. */
function overTls(runtime: RuntimeName): Row[] {
  const files = ["--cert", CERT, "--key", KEY];
  const tls = { greetingEnd: "" };
  return [
    {
      ...mobcast(runtime),
      name: `mobcast ${runtime} tls`,
      family: "tls",
      tls,
      command: (port) => [...programOf(runtime, files), `tls://127.0.0.1:${port}`, ...files, ...FLAGS],
    },
    { ...control("tls", runtime, "tls", CERT, KEY), name: `bare tls ${runtime}`, tls },
  ];
}

/** All rows, in the order of every table. */
export const ROWS: readonly Row[] = [
  ...RUNTIMES.map(mobcast),
  ...RUNTIMES.map((runtime) => control("limit", runtime, "limit")),
  ...RUNTIMES.map((runtime) => control("naive", runtime, "naive")),
  ...RUNTIMES.map((runtime) => control("idle", runtime, "idle")),
  ...RUNTIMES.map((runtime) => control("walk", runtime, "idle", "walk")),
  ...RUNTIMES.map((runtime) => control("empty", runtime, "empty")),
  client("redis", "redis-server", RESP, "one", (port) => [
    ...["--port", `${port}`, "--bind", "127.0.0.1", "--daemonize", "no", "--save", "", "--appendonly", "no"],
    ...["--maxclients", "15000", "--tcp-backlog", "4096", "--loglevel", "warning"],
    ...["--client-output-buffer-limit", "pubsub 0 0 0"],
  ]),
  client("nats", "nats-server", NATS, "many", (port) => ["-a", "127.0.0.1", "-p", `${port}`]),
  {
    ...client("ncat", "ncat", PLAIN, "one", (port) => ["--broker", "-l", "-m", "1000", "127.0.0.1", `${port}`]),
    backlog: 5,
  },
  ...RUNTIMES.map((runtime) => webSocketMob(runtime, "beside")),
  ...RUNTIMES.map((runtime) => webSocketMob(runtime, "ws")),
  ...RUNTIMES.map((runtime) => webSocketMob(runtime, "packed")),
  ...RUNTIMES.map(scrapedMob),
  webSocketPeer("ws node", "node", "ws", "ws"),
  webSocketPeer("ws node corked", "node", "ws", "ws", "corked"),
  webSocketPeer("crossws node", "node", "crossws", "crossws"),
  webSocketPeer("Bun.serve publish", "bun", "publish"),
  webSocketPeer("Deno.upgradeWebSocket", "deno", "upgrade"),
  ...RUNTIMES.flatMap(overTls),
  {
    ...client("nats tls", "nats-server", NATS, "many", (port) => [
      ...["-a", "127.0.0.1", "-p", `${port}`, "--tls", "--tlscert", CERT, "--tlskey", KEY],
    ]),
    family: "tls",
    // It says in the clear that the handshake comes now.
    tls: { greetingEnd: "\r\n" },
  },
];

/** Whether a row takes part in a shape. */
export function takesPart(row: Row, shape: Shape): boolean {
  if (shape.kind === "churn" || shape.kind === "small") return ["mobcast", "limit"].includes(row.family);
  if (shape.kind === "idle" && shape.drains) return ["mobcast", "idle"].includes(row.family);
  if (shape.kind !== "start" && shape.tls) return takesPartInTls(row, shape);
  if (shape.kind === "idle") return ["mobcast", "idle", "walk"].includes(row.family);
  if (shape.kind === "start") return ["mobcast", "empty"].includes(row.family);
  if (shape.kind === "closed" && shape.websocket) return ["mobcast", "websocket"].includes(row.family);
  if (shape.kind === "closed" && shape.scraped) return ["mobcast", "scraped"].includes(row.family);
  return ["mobcast", "limit", "naive", "client"].includes(row.family) && !shape.without?.includes(row.name);
}

/** In the clear there is nothing to compare handshakes with. */
function takesPartInTls({ family, dialect }: Row, shape: Shape): boolean {
  if (shape.kind === "closed") return ["mobcast", "limit", "tls"].includes(family);
  return family === "tls" && (shape.kind !== "idle" || dialect === MOB);
}
