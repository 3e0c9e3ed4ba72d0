/**
 * Whole mobs on a NATS server, and their clients: every frame at every client, lost, repeated, reordered, and whether a gap
 * was told.
 */

import { test } from "node:test";
import { connect as connectTcp } from "node:net";
import { assert, assertEquals } from "@std/assert";
import { type Mob, type MobOptions, serve } from "../../mod.ts";
import { natsRelay } from "../../nats.ts";
import { OURS, RUNTIMES, startServer } from "../helpers/command_line.ts";
import { NatsServer, NO_NATS } from "../helpers/nats_server.ts";
import { RoomClient, sameForClients } from "../helpers/room_client.ts";
import { meanwhile, pause, within } from "../helpers/wait.ts";

const options = { skip: NO_NATS, timeout: 120_000 };

/** A mob, and its URL. */
interface Joined {
  readonly mob: Mob;
  readonly url: string;
}

/** The bus `room`: its mobs and their clients are closed when a test ends, also when it fails, or its process would never end. */
class Room implements AsyncDisposable {
  readonly #open: AsyncDisposable[] = [];

  /** A mob. */
  async mob(server: NatsServer, given: MobOptions = {}, storage: "memory" | "file" = "memory"): Promise<Joined> {
    const relay = await natsRelay(server.url, { name: "room", storage });
    const mob = await serve({ listen: "tcp://127.0.0.1:0", relay, ...given });
    this.#open.push(mob);
    return { mob, url: mob.urls[0]! };
  }
  /** A client. */
  async client(url: string, name: string): Promise<RoomClient> {
    const client = await RoomClient.join(url, name);
    this.#open.push(client);
    return client;
  }
  /** A client of lines. */
  async lines(url: string): Promise<LineClient> {
    const client = new LineClient(url);
    this.#open.push(client);
    return await client.joined();
  }
  async [Symbol.asyncDispose](): Promise<void> {
    // Clients before their mobs, which wait for them otherwise.
    await Promise.all(this.#open.reverse().map((each) => each[Symbol.asyncDispose]()));
  }
}

/** Sends until `done` has resolved. */
function underLoad(clients: readonly RoomClient[], done: () => Promise<void>): Promise<void> {
  const loads = clients.map((client) => async (): Promise<void> => {
    await client.say(3).catch(() => {});
    await pause(5);
  });
  return meanwhile(loads, done);
}

/** Waits for what no event tells. */
async function eventually(condition: () => boolean, what: string): Promise<void> {
  for (let waited = 0; !condition(); waited += 10) {
    assert(waited < 20_000, what);
    await pause(10);
  }
}

/** The account of a mob's end of the bus adds up, and nothing is on its way. */
function checkAccount({ mob }: { mob: Mob }): void {
  const { sent, returned, inFlight, lost } = mob.stats().bus!;
  assertEquals(inFlight, { frames: 0, bytes: 0 });
  assertEquals(sent.frames, returned.frames + lost.frames);
}

// Each pair once: the runtime that comes first in the list runs it.
for (const other of RUNTIMES.slice(RUNTIMES.indexOf(OURS))) {
  test(`mobs on ${OURS} and ${other} have one order, with frames larger than a message of NATS`, options, async () => {
    await using server = await NatsServer.start();
    await using room = new Room();
    const bus = ["--bus", `${server.url}/room`];
    const [one, two] = await Promise.all([startServer(OURS, bus), startServer(other, bus)]);
    await using _one = one;
    await using _two = two;
    const clients: RoomClient[] = [];
    for (const [at, { url }] of [one, two, one, two].entries()) clients.push(await room.client(url, `c${at}`));
    await Promise.all(clients.map(async (client, at) => {
      for (let round = 0; round < 5; round++) {
        await client.say(100);
        if (round === at) await client.say(1, 1_040_000);
      }
    }));
    const heard = await sameForClients(clients);
    assertEquals(heard.length, 4 * 502);
  });
}

test("a server with a file is killed and comes back: no client notices anything but a wait", options, async () => {
  await using server = await NatsServer.start();
  await using room = new Room();
  const mobs = [await room.mob(server, {}, "file"), await room.mob(server, {}, "file")];
  const clients: RoomClient[] = [];
  for (let at = 0; at < 10; at++) clients.push(await room.client(mobs[at % 2]!.url, `c${at}`));
  await underLoad(clients, async () => {
    await pause(200);
    await server.stop();
    await pause(300);
    await server.start();
    await pause(1000);
  });
  const heard = await sameForClients(clients);
  assert(heard.length > 500, `${heard.length}`);
  for (const { mob } of mobs) {
    const { closed, bus } = mob.stats();
    assertEquals([closed.gap, bus!.gaps, bus!.state], [0, 0, "joined"]);
    checkAccount({ mob });
  }
});

test(
  "a server with memory comes back empty: clients are disconnected for the gap, and those that come then go on",
  options,
  async () => {
    await using server = await NatsServer.start();
    await using room = new Room();
    const mobs = [await room.mob(server), await room.mob(server)];
    const clients: RoomClient[] = [];
    for (let at = 0; at < 6; at++) clients.push(await room.client(mobs[at % 2]!.url, `c${at}`));
    await underLoad(clients, async () => {
      await pause(100);
      await server.stop();
      await server.start();
      for (const client of clients) await within(client.ended, "the end", 20_000);
    });
    for (const { mob } of mobs) {
      await eventually(() => mob.stats().closed.gap === 3, "they are removed");
      assertEquals(mob.stats().bus!.restarts, 1);
    }
    const later: RoomClient[] = [];
    for (let at = 0; at < 4; at++) later.push(await room.client(mobs[at % 2]!.url, `d${at}`));
    await Promise.all(later.map((client) => client.say(100)));
    await sameForClients(later);
    for (const mob of mobs) checkAccount(mob);
  },
);

test("a fast sender is held while the server is stopped, and everything arrives when it goes on", options, async () => {
  await using server = await NatsServer.start();
  await using room = new Room();
  const mobs = [await room.mob(server), await room.mob(server)];
  const sender = await room.client(mobs[0]!.url, "sender");
  const reader = await room.client(mobs[1]!.url, "reader");
  await server.freeze();
  const sending = sender.say(600, 50_000);
  await eventually(() => mobs[0]!.mob.stats().bus!.state === "away", "the server is away");
  // 30 MB are to be sent; the mob takes a few of them, and no more.
  let before = -1;
  for (let now = 0; now !== before; now = mobs[0]!.mob.stats().bus!.inFlight.bytes) {
    before = now;
    await pause(300);
  }
  assert(before > 1_000_000 && before < 12_000_000, `${before}`);
  server.signal("SIGCONT");
  await sending;
  await sameForClients([sender, reader]);
  assertEquals(mobs.map(({ mob }) => mob.stats().bus!.gaps), [0, 0]);
});

test("echo: others, over two mobs: who sends does not hear itself", options, async () => {
  await using server = await NatsServer.start();
  await using room = new Room();
  const mobs = [
    await room.mob(server, { echo: "others", framing: "line" }),
    await room.mob(server, { echo: "others", framing: "line" }),
  ];
  const lines = await Promise.all([...mobs, ...mobs].map(({ url }) => room.lines(url)));
  for (const [at, client] of lines.entries()) {
    client.send(...Array.from({ length: 50 }, (_, count) => `${at}.${count}`));
  }
  for (const [at, client] of lines.entries()) {
    await client.until(150);
    assertEquals(client.lines.filter((line) => line.startsWith(`${at}.`)), []);
  }
  for (const [at, client] of lines.entries()) {
    // Without what each has said, all have the same.
    const other = (at + 1) % 4;
    const without = (texts: string[]) =>
      texts.filter((line) => !line.startsWith(`${at}.`) && !line.startsWith(`${other}.`));
    assertEquals(without(client.lines), without(lines[other]!.lines));
  }
});

test("a client that ends its half hears all of its own, and then the end", options, async () => {
  await using server = await NatsServer.start();
  await using room = new Room();
  const { url } = await room.mob(server, { framing: "line" });
  const client = await room.lines(url);
  const texts = Array.from({ length: 1000 }, (_, count) => `line ${count}`);
  client.send(...texts);
  client.end();
  await within(client.over, "the end", 20_000);
  assertEquals(client.lines, texts);
});

test(
  "a mob that closes under load: what its client has heard is a prefix of what others have heard",
  options,
  async () => {
    await using server = await NatsServer.start();
    await using room = new Room();
    const mobs = [await room.mob(server), await room.mob(server)];
    const [one, two] = [await room.client(mobs[0]!.url, "one"), await room.client(mobs[1]!.url, "two")];
    await underLoad([one, two], async () => {
      // Enough for a beginning to say something, however busy the machine is.
      await one.until(() => one.heard.length > 100, "some of the load");
      await mobs[0]!.mob.close();
      await within(one.ended, "the end of its client");
    });
    const last = one.heard.at(-1)!;
    await two.until(() => two.heard.includes(last), "what the other has heard");
    const from = one.heard.find((frame) => two.heard.includes(frame))!;
    const both = one.heard.slice(one.heard.indexOf(from));
    assert(both.length > 50);
    assertEquals(two.heard.slice(two.heard.indexOf(from)).slice(0, both.length), both);
  },
);

test(
  "a mob that is killed under load: what it had on its way is heard by all others, or by none",
  options,
  async () => {
    await using server = await NatsServer.start();
    await using room = new Room();
    await using killed = await startServer(OURS, ["--bus", `${server.url}/room`]);
    const mobs = [await room.mob(server), await room.mob(server)];
    const clients: RoomClient[] = [];
    for (let at = 0; at < 4; at++) clients.push(await room.client(mobs[at % 2]!.url, `c${at}`));
    const doomed = await room.client(killed.url, "doomed");
    await underLoad([...clients, doomed], async () => {
      await pause(300);
      killed.signal("SIGKILL");
      await within(doomed.ended, "the end of its client");
      await pause(200);
    });
    const heard = await sameForClients(clients);
    assert(heard.some((frame) => frame.startsWith("doomed.")));
    assertEquals(mobs.map(({ mob }) => mob.stats().bus!.gaps), [0, 0]);
  },
);

/** A client of lines, on a plain socket. */
class LineClient implements AsyncDisposable {
  readonly lines: string[] = [];
  readonly over: Promise<void>;
  readonly #socket;
  readonly #connected: Promise<void>;
  #rest = "";

  constructor(url: string) {
    const [, host, port] = /^tcp:\/\/([^:/?]+):(\d+)/.exec(url)!;
    this.#socket = connectTcp({ host: host!, port: Number(port), allowHalfOpen: true });
    this.#connected = new Promise((resolve) => this.#socket.once("connect", () => resolve()));
    this.over = new Promise((resolve) => this.#socket.once("end", () => resolve()).once("close", () => resolve()));
    this.#socket.on("error", () => {});
    this.#socket.on("data", (data) => {
      const texts = (this.#rest + String(data)).split("\n");
      this.#rest = texts.pop()!;
      this.lines.push(...texts);
    });
  }
  async joined(): Promise<this> {
    await this.#connected;
    // The mob has taken it when it has had a few ticks; nothing comes back before another sends.
    await pause(100);
    return this;
  }
  send(...texts: string[]): void {
    this.#socket.write(texts.map((text) => `${text}\n`).join(""));
  }
  end(): void {
    this.#socket.end();
  }
  until(count: number): Promise<void> {
    return eventually(() => this.lines.length >= count, `${count} lines`);
  }
  [Symbol.asyncDispose](): Promise<void> {
    this.#socket.destroy();
    return Promise.resolve();
  }
}
