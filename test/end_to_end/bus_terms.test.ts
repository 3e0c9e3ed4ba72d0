/** The stream of a bus on a real NATS server: gaps, foreign messages, other terms and sizes, credentials and TLS. */

import { test } from "node:test";
import process from "node:process";
import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect, nkeys } from "@nats-io/transport-node";
import { BusMember, sameForAll } from "../helpers/bus_member.ts";
import { OURS } from "../helpers/command_line.ts";
import { NatsServer } from "../helpers/nats_server.ts";
import { TlsFixture } from "../helpers/tls_fixture.ts";
import { pause } from "../helpers/wait.ts";
import { closing, gaps, KiB, MiB, pair, underLoad, WITH_NATS } from "../helpers/bus_members.ts";

test("a stream that discards what a mob has not read: the gap is told, to that mob alone", WITH_NATS, async () => {
  await using server = await NatsServer.start();
  await using members = await pair(server, { keep: 4 * MiB });
  const [reader, sleeper] = members;
  sleeper.say(100);
  await sleeper.settled();
  sleeper.isHeld = true;
  const before = process.memoryUsage().rss;
  for (let count = 0; count < 150; count++) reader.say(400 * KiB);
  await reader.settled();
  // What waits has a bound: 8 MiB in the channel, and what was on its way.
  assert(process.memoryUsage().rss - before < 200 * MiB);
  sleeper.isHeld = false;
  sleeper.wake();
  reader.say(100);
  await reader.settled();
  await sleeper.until(() => sleeper.heard.at(-1) === "1.151", "the last batch");
  assertEquals([gaps(reader), gaps(sleeper)], [[], ["gap"]]);
  assertMatch(sleeper.whys[0]!, /^messages \d+ to \d+ of the stream are gone$/);
  // In front of the gap and behind it nothing is missing.
  const at = sleeper.heard.indexOf("gap");
  const own = reader.heard.filter((name) => name.startsWith("1."));
  assertEquals(sleeper.heard.slice(1, at), own.slice(0, at - 1));
  assertEquals(sleeper.heard.slice(at + 1), own.slice(own.length - (sleeper.heard.length - at - 1)));
  assertEquals(sleeper.channel.stats().missedBatches, own.length - (sleeper.heard.length - 2));
});

test(
  "a stream that loses what a mob has still to read: the gap is told though nothing comes after",
  WITH_NATS,
  async () => {
    await using server = await NatsServer.start();
    await using members = await pair(server);
    const [reader, sleeper] = members;
    sleeper.say(100);
    await sleeper.settled();
    sleeper.isHeld = true;
    for (let count = 0; count < 60; count++) reader.say(400 * KiB);
    await reader.settled();
    const connection = await connect({ servers: server.url });
    await (await jetstreamManager(connection)).streams.purge("mobcast_room");
    await connection.close();
    sleeper.isHeld = false;
    sleeper.wake();
    await sleeper.until(() => sleeper.heard.includes("gap"), "the gap", 15_000);
    assertEquals([gaps(reader), gaps(sleeper)], [[], ["gap"]]);
    assertMatch(sleeper.whys[0]!, /^messages \d+ to 61 of the stream are gone$/);
    reader.say(100);
    await sleeper.until(() => sleeper.heard.at(-1) === "1.61", "the last batch");
    assertEquals(sleeper.told, []);
  },
);

test("a stream that is emptied, and one that is deleted: mobs are told, and go on", WITH_NATS, async () => {
  await using server = await NatsServer.start();
  await using members = await pair(server);
  const connection = await connect({ servers: server.url });
  const { streams } = await jetstreamManager(connection);
  await underLoad(members, async () => {
    await pause(100);
    await streams.purge("mobcast_room");
    await pause(200);
    await streams.delete("mobcast_room");
    for (const member of members) await member.until(() => member.heard.includes("restart"), "the gap");
    await pause(200);
  });
  for (const member of members) {
    await member.settled();
    assertEquals(gaps(member).filter((name) => name === "restart"), ["restart"]);
  }
  await connection.close();
});

test(
  "garbage, foreign messages and other framings on the subject are refused and counted, and change nothing",
  WITH_NATS,
  async () => {
    await using server = await NatsServer.start();
    await using members = await pair(server);
    const connection = await connect({ servers: server.url });
    const client = jetstream(connection);
    members[0].say(100, 100);
    await members[0].settled();
    for (const text of ["", "hello", "mob", "x".repeat(900 * KiB)]) await client.publish("mobcast.room", text);
    const { streams } = await jetstreamManager(connection);
    const first = await streams.getMessage("mobcast_room", { seq: 1 });
    const framed = new Uint8Array(first!.data);
    framed[4] = 3;
    await client.publish("mobcast.room", framed);
    // One of its own that came before.
    await client.publish("mobcast.room", first!.data);
    for (const member of members) member.say(100);
    await sameForAll(members);
    for (const { channel } of members) {
      const { refused, repeated } = channel.stats();
      assertEquals([refused, repeated], [5, 1]);
    }
    assertEquals(members.map(gaps), [[], []]);
    await connection.close();
  },
);

test(
  "mobs of one name and other terms are refused by what does not fit, and the stream stays as it is",
  WITH_NATS,
  async () => {
    await using server = await NatsServer.start();
    await using _one = await BusMember.join(1, server.url, { keep: 8 * MiB });
    for (
      const [join, words] of [
        [{ framing: "line" }, "has framing u64, and this mob has line"],
        [{ maxFrame: 100 }, "has maxFrame 16777216, and this mob has 100"],
        [{ storage: "file" }, "has storage memory, and this mob asks for file"],
        [{ keep: 16 * MiB }, "has 8388608 bytes to keep, and this mob asks for 16777216"],
      ] as const
    ) {
      await assertRejects(
        () => BusMember.join(2, server.url, join),
        Error,
        `Cannot join bus room: its stream mobcast_room ${words}`,
      );
    }
    // Two that make it at once, and ask for something else, have one stream.
    const both = await Promise.allSettled([
      BusMember.join(1, server.url, { name: "other", framing: "u64" }),
      BusMember.join(2, server.url, { name: "other", framing: "line" }),
    ]);
    assertEquals(both.map(({ status }) => status).sort(), ["fulfilled", "rejected"]);
    for (const outcome of both) {
      if (outcome.status === "fulfilled") await outcome.value[Symbol.asyncDispose]();
      else assertMatch(outcome.reason.message, /has framing (u64|line), and this mob has (line|u64)$/);
    }
    // A stream that no mob has made is not touched.
    const connection = await connect({ servers: server.url });
    const { streams } = await jetstreamManager(connection);
    await streams.add({ name: "mobcast_taken", subjects: ["mobcast.taken"] });
    await assertRejects(
      () => BusMember.join(3, server.url, { name: "taken" }),
      Error,
      "uses streams that a mob has made",
    );
    await streams.add({ name: "all", subjects: ["mobcast.shut"] });
    await assertRejects(() => BusMember.join(3, server.url, { name: "shut" }), Error, "Cannot join bus shut: ");
    assertEquals((await streams.info("mobcast_taken")).config.description ?? "", "");
    await connection.close();
  },
);

test(
  "max_payload that is smaller after a restart: what is on its way arrives, in smaller pieces",
  WITH_NATS,
  async () => {
    await using server = await NatsServer.start();
    await using members = await pair(server, { storage: "file" });
    members[0].say(300 * KiB, 300 * KiB);
    await sameForAll(members);
    await server.stop();
    for (const member of members) member.say(400 * KiB, 100, 3 * MiB);
    await server.start(64 * KiB);
    const heard = await sameForAll(members);
    assertEquals([heard.length, members.map(gaps)], [8, [[], []]]);
    assert(members[0].channel.batchSize < 64 * KiB);
  },
);

test(
  "a mob that joins while others send again what may not have been stored has what comes from then on",
  WITH_NATS,
  async () => {
    await using server = await NatsServer.start();
    await using members = await pair(server, { storage: "file" });
    await using late = closing<BusMember[]>();
    await underLoad(members, async () => {
      for (let round = 0; round < 3; round++) {
        await pause(100);
        await server.stop();
        await server.start();
        late.push(await BusMember.join(3 + round, server.url));
      }
      await pause(200);
    });
    const heard = await sameForAll(members);
    for (const member of late) {
      await member.until(() => member.heard.at(-1) === heard.at(-1), "the last batch");
      assertEquals(member.heard, heard.slice(-member.heard.length));
      assert(member.heard.length > 5);
    }
  },
);

test(
  "credentials: token, user and password, nkey; without them or with others a mob does not join",
  WITH_NATS,
  async () => {
    const pairOfKeys = nkeys.createUser();
    const seed = new TextDecoder().decode(pairOfKeys.getSeed());
    const ways: [lines: string[], good: object, bad: object[]][] = [
      [["authorization { token: s3cret }"], { token: "s3cret" }, [{}, { token: "other" }]],
      [["authorization { user: ann, password: s3cret }"], { user: "ann", password: "s3cret" }, [{
        user: "ann",
        password: "x",
      }]],
      [
        [`authorization { users: [ { nkey: ${pairOfKeys.getPublicKey()} } ] }`],
        { nkey: seed },
        [{ nkey: new TextDecoder().decode(nkeys.createUser().getSeed()) }],
      ],
    ];
    for (const [lines, good, bad] of ways) {
      await using server = await NatsServer.start({ lines });
      await using member = await BusMember.join(1, server.url, good);
      member.say(100);
      await member.settled();
      for (const wrong of bad) {
        const error = await assertRejects(() => BusMember.join(2, server.url, wrong), Error, "Cannot join bus room: ");
        assertStringIncludes((error as Error).message.toLowerCase(), "authorization");
        assert(!(error as Error).message.includes("s3cret"));
      }
      // A mob stays where it was when the server refuses it after a restart, and joins when it does no longer.
    }
  },
);

test("TLS: authorities and client certificates, as text", WITH_NATS, async () => {
  await using kit = await TlsFixture.make();
  await using foreign = await TlsFixture.make();
  const line = `tls { cert_file: "${kit.path("server.pem")}", key_file: "${kit.path("server.key")}", ca_file: "${
    kit.path("ca.pem")
  }", verify: true }`;
  await using server = await NatsServer.start({ lines: [line] });
  const { ca, cert, key } = kit.tls;
  const tls = { ca, cert, key };
  const url = server.url.replace("nats:", "tls:").replace("127.0.0.1", "localhost");
  await using member = await BusMember.join(1, url, { tls });
  member.say(100, 700 * KiB);
  await member.settled();
  // A server says nothing to one without a certificate: five seconds. On Deno its alert is an error after the client library
  // has let go of its socket, which ends no process.
  if (OURS !== "bun") {
    await assertRejects(
      () => BusMember.join(1, url, { tls: { ca } }),
      Error,
      "Cannot join bus room: no answer in time",
    );
  }
  await assertRejects(
    () => BusMember.join(1, url, { tls: { ...tls, ca: foreign.tls.ca } }),
    Error,
    "Cannot join bus room: ",
  );
  await assertRejects(() => BusMember.join(1, url), Error, "Cannot join bus room: ");
  await using plain = await NatsServer.start();
  await assertRejects(() => BusMember.join(1, plain.url, { tls }), Error, "tls");
});

test("without a server, or without JetStream, a mob does not join, and says why", WITH_NATS, async () => {
  await using server = await NatsServer.prepare({});
  await assertRejects(() => BusMember.join(1, server.url), Error, "Cannot join bus room: connection refused");
  await using small = await NatsServer.start({ maxPayload: 512 });
  await assertRejects(() => BusMember.join(1, small.url), Error, "raise its max_payload to 1024 at least");
});

test("a mob that leaves leaves nothing behind in the server", WITH_NATS, async () => {
  await using server = await NatsServer.start();
  await using members = await pair(server);
  members[0].say(100);
  await sameForAll(members);
  await members[Symbol.asyncDispose]();
  const connection = await connect({ servers: server.url });
  const { streams } = await jetstreamManager(connection);
  const { state } = await streams.info("mobcast_room");
  assertEquals([state.consumer_count, state.messages], [0, 1]);
  await connection.close();
});
