/** What hostile WebSocket clients cost a server of the runtime at hand, as users start it: memory and time have bounds. */

import type { Socket } from "node:net";
import process from "node:process";
import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { bytesOf, concat, frameOf } from "../helpers/bytes.ts";
import { OURS, portOf } from "../helpers/command_line.ts";
import { OVER_TCP } from "../helpers/transports.ts";
import { asked, Bell } from "../helpers/wait.ts";
import { clientFrame } from "../helpers/websocket_client.ts";
import { WebSocketPeer } from "../helpers/websocket_peer.ts";
import { packedRequest, upgradeRequest } from "../helpers/websocket_stream.ts";
import { framesFrom, openSocket, PATIENCE } from "./clients.ts";
import { Server } from "./server.ts";
import { until } from "./waiting.ts";

const KIB = 1024;
const MIB = 2 ** 20;

/** How much more memory a runtime may take for a moment, besides what is counted: garbage that is not collected yet. */
const GARBAGE = 64 * MIB;

/** A server with its WebSocket listener, and a client that joined before all others. */
interface Stage extends AsyncDisposable {
  readonly server: Server;
  readonly url: string;
  readonly witness: WebSocketPeer;
  /** Resident memory over that at the start, at its highest. */
  growth(): number;
  /** Sends a message, and waits until it comes back: the server has handled what came before. */
  answers(): Promise<void>;
}

async function open(...args: string[]): Promise<Stage> {
  const server = await Server.start(OURS, ["ws://127.0.0.1:0/", ...args]);
  await until(() => server.urlOf("ws") !== undefined, "the WebSocket listener opens", PATIENCE);
  const url = server.urlOf("ws")!;
  const witness = new WebSocketPeer(url, OVER_TCP, new Bell());
  witness.send(upgradeRequest());
  assertEquals(await witness.answered(), 101);
  let count = 0;
  const answers = async (): Promise<void> => {
    const text = `still here ${count++}`;
    witness.send(clientFrame({ payload: bytesOf(text) }));
    await witness.got(text);
  };
  await answers();
  const { now } = server.memory();
  return {
    server,
    url,
    witness,
    answers,
    growth: () => server.memory().peak - now,
    async [Symbol.asyncDispose]() {
      await witness.drop();
      await server.stop();
    },
  };
}

/** A client that is not told when its connection breaks. */
async function attacker(port: number): Promise<Socket> {
  const socket = await openSocket(port, () => {});
  return socket.on("error", () => {});
}

/** Sends all of it, as fast as the server reads. */
function sendAll(socket: Socket, bytes: Uint8Array, times: number): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once("close", () => reject(new Error("the server has closed the connection")));
    const next = (left: number): void => {
      if (left === 0) resolve();
      else socket.write(bytes, () => next(left - 1));
    };
    next(times);
  });
}

function repeated(frame: Uint8Array, count: number): Uint8Array {
  return concat(...Array.from({ length: count }, () => frame));
}

const LIMITED = {
  timeout: 60_000,
  skip: process.platform === "linux" ? false : "memory is read as Linux shows it",
};

test("a million fragments of a byte, and a million empty ones, hold no more than the message", LIMITED, async () => {
  await using stage = await open();
  const { server, url, witness, answers } = stage;
  for (const size of [1, 0]) {
    const socket = await attacker(portOf(url));
    const payload = new Uint8Array(size).fill(97);
    socket.write(concat(upgradeRequest(), clientFrame({ first: 2, payload: bytesOf("a") })));
    await sendAll(socket, repeated(clientFrame({ first: 0, payload }), 10_000), 100);
    await answers();
    const least = size * 1_000_000;
    const fits = (bytes: number): boolean => bytes >= least && bytes <= least + 128 * KIB;
    // It may not have read all of them.
    const { receiveBytes } = await asked(() => server.stats(), (stats) => fits(stats.receiveBytes));
    assert(fits(receiveBytes), `${receiveBytes} bytes are held of ${least}`);
    socket.write(clientFrame({ first: 128, payload }));
    await witness.until(() => witness.received.payloads.some(({ length }) => length === 1 + size * 1_000_001), "it");
    socket.destroy();
  }
  assert(stage.growth() < GARBAGE, `${stage.growth() / MIB} MiB more are resident`);
});

test("a thousand connections that send half a head hold what they sent, and no other waits", LIMITED, async () => {
  await using stage = await open();
  const { server, url, answers } = stage;
  const head = upgradeRequest({ Cookie: "x".repeat(6000) }).subarray(0, 5000);
  const sockets = await Promise.all(Array.from({ length: 1000 }, () => attacker(portOf(url))));
  // A byte at a time, at first.
  for (let at = 0; at < 5; at++) for (const socket of sockets) socket.write(head.subarray(at, at + 1));
  for (const socket of sockets) socket.write(head.subarray(5));
  const { receiveBytes, unauthenticated } = await asked(
    () => server.stats(),
    (stats) => stats.unauthenticated === 1000 && stats.receiveBytes >= 5_000_000,
  );
  assertEquals(unauthenticated, 1000);
  assert(receiveBytes >= 5_000_000 && receiveBytes <= 1000 * 8 * KIB, `${receiveBytes} bytes are held`);
  await answers();
  // Each takes some of the runtime's own, besides: 50 KiB on Deno.
  assert(stage.growth() < GARBAGE + 1000 * 64 * KIB, `${stage.growth() / MIB} MiB more are resident`);
  for (const socket of sockets) socket.destroy();
  const after = await asked(() => server.stats(), (stats) => stats.unauthenticated === 0);
  assertEquals([after.unauthenticated, after.receiveBytes], [0, 0]);
});

test("stuck clients of every kind: each kind costs maxLag and a segment", LIMITED, async () => {
  const maxLag = 4 * MIB;
  await using stage = await open("--max-lag", `${maxLag}`);
  const { server, url, witness } = stage;
  const publisher = await attacker(server.port);
  const mebibyte = framesFrom(1, 0, 16, () => 65_528);
  let loads = 0;
  // The next part comes when the one before was received: those who read never lag, however busy the machine is.
  const load = async (): Promise<void> => {
    const last = `load ${loads++}`;
    await sendAll(publisher, concat(mebibyte, frameOf(last)), 1);
    await witness.got(last);
  };
  // The same load without them, for what else it costs.
  while (loads < 20) await load();
  const { peak } = server.memory();
  const ports = [server.port, portOf(url), portOf(url)];
  const stuck = await Promise.all(Array.from({ length: 30 }, async (_, index) => {
    const socket = (await attacker(ports[index % 3]!)).pause();
    if (index % 3 > 0) socket.write(index % 3 === 1 ? upgradeRequest() : packedRequest());
    return socket;
  }));
  assertEquals(await server.hasConnections(32), 32);
  // The kernel takes ten mebibytes for each, or thirty.
  let lagged = 0;
  while (loads < 100 && lagged < stuck.length) {
    await load();
    if (loads % 4 === 0) lagged = (await server.stats()).closed.lagged;
  }
  assertEquals(lagged, stuck.length);
  const growth = server.memory().peak - peak;
  assert(growth < GARBAGE / 2 + 3 * (maxLag + MIB), `${growth / MIB} MiB more are resident`);
  for (const socket of [...stuck, publisher]) socket.destroy();
});
