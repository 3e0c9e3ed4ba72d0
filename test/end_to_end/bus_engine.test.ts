/** The stream of a bus on a real NATS server that is stopped, killed, emptied or made anew: every batch at every mob, in one order. */

import { test } from "node:test";
import { setTimeout } from "node:timers";
import { connect as connectTcp, createServer, type Socket } from "node:net";
import type { AddressInfo } from "node:net";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { loadNats } from "../../adapters/nats/library.ts";
import { NatsStream } from "../../adapters/nats/stream.ts";
import { BusMember, sameForAll } from "../helpers/bus_member.ts";
import { NatsServer } from "../helpers/nats_server.ts";
import { pause } from "../helpers/wait.ts";
import { gaps, KiB, MiB, pair, underLoad, WITH_NATS } from "../helpers/bus_members.ts";

test("two mobs have one order, with batches larger than a message among others", WITH_NATS, async () => {
  await using server = await NatsServer.start();
  await using members = await pair(server);
  for (let round = 0; round < 40; round++) {
    for (const member of members) member.say(12, 500, round % 10 === 0 ? 2 * MiB + 7 : 30 * KiB);
  }
  const heard = await sameForAll(members);
  assertEquals([heard.length, members.map(gaps)], [240, [[], []]]);
  // They interleave.
  assert(heard.indexOf("2.1") < heard.lastIndexOf("1.120") && heard.indexOf("1.1") < heard.lastIndexOf("2.120"));
  // One that joins later has what comes then, and with history what was before.
  await using late = await BusMember.join(3, server.url);
  await using historian = await BusMember.join(4, server.url, { history: 100 * KiB });
  members[0].say(100);
  await members[0].settled();
  for (const member of [late, historian]) await member.until(() => member.heard.includes("1.121"), "the last batch");
  assertEquals(late.heard, ["1.121"]);
  assert(historian.heard.length > 3 && historian.heard.length < 241);
  // The first one may be a batch whose beginning it has not read.
  const told = historian.heard.filter((name) => name !== "gap");
  assertEquals(told, heard.slice(-told.length));
});

test(
  "a server with a file that is killed and comes back: nothing is lost, repeated or reordered",
  WITH_NATS,
  async () => {
    await using server = await NatsServer.start();
    await using members = await pair(server, { storage: "file" });
    await underLoad(members, async () => {
      for (let round = 0; round < 2; round++) {
        await pause(200);
        await server.stop();
        await pause(200);
        await server.start();
        for (const member of members) await member.until(() => member.told.length === 2 * round + 2, "the server");
      }
      await pause(200);
    });
    const heard = await sameForAll(members);
    assert(heard.length > 50);
    for (const member of members) {
      assertEquals([gaps(member), member.lost], [[], []]);
      assertEquals(member.told.map((what) => what === "back" ? what : "away"), ["away", "back", "away", "back"]);
    }
  },
);

test(
  "a server with memory that comes back empty: both are told, and what was not back comes once",
  WITH_NATS,
  async () => {
    await using server = await NatsServer.start();
    await using members = await pair(server);
    await underLoad(members, async () => {
      await pause(200);
      await server.stop();
      await server.start();
      for (const member of members) await member.until(() => member.heard.includes("restart"), "the gap");
      await pause(200);
    });
    for (const member of members) await member.settled();
    await sameTail(members);
    for (const member of members) assertEquals([gaps(member), member.lost], [["restart"], []]);
    // Every batch of a mob's own is back, so none is lost for it.
    for (const member of members) {
      const own = member.heard.filter((name) => name.startsWith(`${member.mob}.`));
      assertEquals(own, own.map((_, at) => `${member.mob}.${at + 1}`));
    }
  },
);

/** From the gap on, what both have is the same. */
async function sameTail(members: readonly BusMember[]): Promise<void> {
  const tails = () => members.map(({ heard }) => heard.slice(heard.findIndex((name) => !name.includes(".")) + 1));
  const last = () => tails().map((tail) => tail.at(-1));
  await members[0]!.until(() => last()[0] === last()[1], "the same end").catch(() => {});
  const [one, other] = tails();
  const both = one!.filter((name) => other!.includes(name));
  assert(both.length > 10);
  assertEquals(other!.filter((name) => one!.includes(name)), both);
}

test("a server that is stopped for a while: mobs say so and take nothing, and go on", WITH_NATS, async () => {
  await using server = await NatsServer.start();
  await using members = await pair(server);
  await underLoad(members, async () => {
    await pause(200);
    await server.freeze();
    for (const member of members) await member.until(() => member.told.length > 0, "silence");
    assert(members.every(({ channel }) => !channel.writable));
    server.signal("SIGCONT");
    for (const member of members) await member.until(() => member.told.includes("back"), "the server");
    await pause(200);
  });
  const heard = await sameForAll(members);
  assert(heard.length > 50);
  assertEquals(members.map(gaps), [[], []]);
});

/** Between a mob and its server: can swallow what the server says, and cut. */
class Proxy implements AsyncDisposable {
  readonly #server;
  readonly #sockets: Set<Socket> = new Set();
  port = 0;
  /** What the mob sends is looked at; when this is true of it, the answer is lost and the connection cut. */
  cutAfter: ((text: string) => boolean) | undefined;
  cuts = 0;
  /** Whether it takes connections. */
  refuses = false;

  constructor(to: number) {
    this.#server = createServer((client) => {
      if (this.refuses) return void client.destroy();
      const server = connectTcp(to, "127.0.0.1");
      let mute = false;
      for (const [socket, other] of [[client, server], [server, client]] as const) {
        this.#sockets.add(socket);
        socket.on("error", () => {});
        socket.on("close", () => {
          this.#sockets.delete(socket);
          other.destroy();
        });
      }
      server.on("data", (data) => {
        if (!mute) client.write(data);
      });
      client.on("data", (data) => {
        if (this.cutAfter?.(String(data))) {
          this.cutAfter = undefined;
          this.cuts++;
          mute = true;
          // The server stores it; nothing of what it says comes through.
          server.write(data, () => setTimeout(() => client.destroy(), 100));
        } else server.write(data);
      });
    });
  }
  async listen(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    this.port = (this.#server.address() as AddressInfo).port;
    return this;
  }
  /** Cuts all connections. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

test("an acknowledgement that is lost with the connection: the batch comes once, at its place", WITH_NATS, async () => {
  await using server = await NatsServer.start();
  await using proxy = await new Proxy(server.port).listen();
  await using cut = await BusMember.join(1, `nats://127.0.0.1:${proxy.port}`);
  await using other = await BusMember.join(2, server.url);
  for (let round = 0; round < 4; round++) {
    proxy.cutAfter = (text) => text.includes("HPUB mobcast.room");
    cut.say(round === 3 ? 700 * KiB : 100, 100);
    other.say(100, 100);
    await cut.settled();
    await other.settled();
  }
  assertEquals(proxy.cuts, 4);
  await sameForAll([cut, other]);
  assertEquals([gaps(cut), cut.told.filter((what) => what === "back").length], [[], 4]);
});

test("a stream that was made anew while a mob was away is another one, however much is in it", WITH_NATS, async () => {
  await using server = await NatsServer.start();
  await using proxy = await new Proxy(server.port).listen();
  await using writer = await BusMember.join(1, server.url);
  writer.say(100, 100, 100);
  await writer.settled();
  // It has read nothing, so it knows no message.
  await using idle = await BusMember.join(2, `nats://127.0.0.1:${proxy.port}`);
  proxy.refuses = true;
  proxy.cut();
  await idle.until(() => idle.told.length > 0, "it is away");
  const connection = await connect({ servers: server.url });
  const { streams } = await jetstreamManager(connection);
  const { config } = await streams.info("mobcast_room");
  await streams.delete("mobcast_room");
  await streams.add(config);
  writer.say(100, 100, 100, 100, 100);
  await writer.settled();
  proxy.refuses = false;
  await idle.until(() => idle.heard.at(-1) === "1.8", "the new stream");
  assertEquals(idle.heard, ["restart", "1.4", "1.5", "1.6", "1.7", "1.8"]);
  await connection.close();
});

test("what waits for an answer ends with the connection, and not when its time is over", WITH_NATS, async () => {
  await using server = await NatsServer.start();
  const stream = new NatsStream(await loadNats(), [server.url], { name: "room" });
  const nothing = (): void => {};
  const reader = { message: nothing, missed: nothing, restarted: nothing, away: nothing, back: nothing };
  await stream.open(reader, { framing: "u64", maxFrame: 100 }, 0);
  await server.freeze();
  const failed = assertRejects(() => stream.append(new Uint8Array(10), "1"), Error, "is lost");
  await pause(50);
  await server.stop();
  await failed;
  await assertRejects(() => stream.append(new Uint8Array(10), "2"), Error, "not connected");
  await stream.close();
});
