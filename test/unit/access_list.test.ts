/** Access by address: lists, handshakes that count, and listeners that are more open than intended. */

import { test } from "node:test";
import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import fc from "../helpers/fast_check.ts";
import { memoryAdapter } from "../../adapters/memory.ts";
import { type Adapter, HUP } from "../../src/contract/adapter.ts";
import { AccessList, isLoopback } from "../../src/admission/access_list.ts";
import { parseAddress } from "../../src/contract/address.ts";
import { connect } from "../../mod.ts";
import { checkExposure } from "../../src/admission/exposure.ts";
import { Mob } from "../../src/server/mob.ts";
import { resolveOptions } from "../../src/server/options.ts";
import { lineOf, logged } from "../helpers/logged.ts";
import { World } from "../helpers/scripted_server.ts";

// --- the lists ---

test("an empty allow accepts every address, deny beats allow, and the list that refuses is reported", () => {
  assertEquals(new AccessList([], []).refuses("anything"), undefined);
  const lists = new AccessList(["10.0.0.0/8", "::1"], ["10.1.0.0/16", "10.2.3.4"]);
  assertEquals(lists.refuses("10.0.0.1"), undefined);
  assertEquals(lists.refuses("::1"), undefined);
  assertEquals(lists.refuses("10.1.2.3"), "deny 10.1.0.0/16");
  assertEquals(lists.refuses("10.2.3.4"), "deny 10.2.3.4");
  assertEquals(lists.refuses("10.2.3.5"), undefined);
  assertEquals(lists.refuses("11.0.0.0"), "not in allow");
  assertEquals(lists.refuses("::2"), "not in allow");
  assertEquals(new AccessList([], ["0.0.0.0/0"]).refuses("::1"), undefined);
  assertEquals(new AccessList([], ["0.0.0.0/0"]).refuses("255.255.255.255"), "deny 0.0.0.0/0");
});

test("an IPv4 address over an IPv6 listener is IPv4, however it is written, and a zone is ignored", () => {
  const lists = new AccessList(["10.0.0.0/8", "fe80::/10"], []);
  for (const address of ["::ffff:10.1.2.3", "::FFFF:a01:203", "0:0:0:0:0:ffff:10.1.2.3", "fe80::1%eth0", "fe80::1%2"]) {
    assertEquals(lists.refuses(address), undefined, address);
  }
  assertEquals(new AccessList([], ["::/0"]).refuses("::ffff:10.1.2.3"), undefined);
  assertEquals(new AccessList([], ["::ffff:0:0/96"]).refuses("10.1.2.3"), "deny ::ffff:0:0/96");
  assertEquals(new AccessList(["::ffff:10.0.0.0/104"], []).refuses("11.0.0.1"), "not in allow");
});

test("text that is no address cannot be checked and is refused, when there is a list", () => {
  for (const lists of [new AccessList(["0.0.0.0/0"], []), new AccessList([], ["1.2.3.4"])]) {
    for (const address of ["unknown", "", "10.0.0", "010.1.1.1", "1.2.3.256", ":::", "1::2::3", "0x0a.0.0.1"]) {
      assertEquals(lists.refuses(address), "its address cannot be checked", address);
    }
  }
});

test("a wrong entry is refused when the mob is made, with its list and what it should be", () => {
  const wrong: Record<string, string> = {
    "10.0.0.0/33": "its prefix is a number from 0 to 32",
    "::/129": "its prefix is a number from 0 to 128",
    "10.0.0.0/08": "its prefix is a number from 0 to 32",
    "10.0.0.0/": "its prefix is a number from 0 to 32",
    "10.0.0.1/8": "it has bits behind the first 8, write the first address of the block",
    "fd00::1/8": "it has bits behind the first 8, write the first address of the block",
    "fe80::1%eth0": "a zone cannot be checked, leave it out",
    "localhost": "an address looks like 192.168.0.1 or ::1, a block of them like 10.0.0.0/8 or fd00::/8",
    "10.0.0.1:80": "an address looks like 192.168.0.1 or ::1, a block of them like 10.0.0.0/8 or fd00::/8",
    "": "an address looks like 192.168.0.1 or ::1, a block of them like 10.0.0.0/8 or fd00::/8",
  };
  for (const [entry, why] of Object.entries(wrong)) {
    for (const list of ["allow", "deny"] as const) {
      const error = assertThrows(() => new Mob(memoryAdapter(), { [list]: ["::1", entry] }), TypeError);
      assertEquals(error.message, `Cannot use ${list} ${JSON.stringify(entry)}: ${why}`);
    }
  }
  assertThrows(() => resolveOptions({ allow: "10.0.0.0/8" as never }), TypeError, "it is a list of addresses");
  assertThrows(() => resolveOptions({ deny: [8 as never] }), TypeError, "Cannot use deny 8: it is not a string");
});

test("a list that its owner changes afterwards stays as it was", async () => {
  const allow = ["10.0.0.1"];
  const world = await World.open({ allow });
  allow.push("11.0.0.1");
  assertEquals(world.mob.options.allow, ["10.0.0.1"]);
});

// --- against a model, bit by bit ---

/** An address as its bits, and as text. */
interface Written {
  readonly bits: string;
  readonly text: string;
}

function bitsOf(numbers: readonly number[], width: number): string {
  return numbers.map((number) => number.toString(2).padStart(width, "0")).join("");
}

const IPV4: fc.Arbitrary<Written> = fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255), fc.nat(255)).map((octets) => ({
  bits: bitsOf(octets, 8),
  text: octets.join("."),
}));

/** Groups with runs of zeros, so that `::` has something to stand for. */
const IPV6: fc.Arbitrary<Written> = fc.tuple(
  fc.array(fc.oneof(fc.constant(0), fc.nat(0xffff)), { minLength: 8, maxLength: 8 }),
  fc.nat(7),
  fc.boolean(),
).filter(([groups]) => groups.slice(0, 5).some((group) => group !== 0)).map(([groups, at, upper]) => {
  let end = at;
  while (groups[end] === 0) end++;
  const hex = groups.map((group) => upper ? group.toString(16).toUpperCase().padStart(4, "0") : group.toString(16));
  const text = end === at ? hex.join(":") : `${hex.slice(0, at).join(":")}::${hex.slice(end).join(":")}`;
  return { bits: bitsOf(groups, 16), text };
});

/** The first address of a block, written out. */
function textOfBits(bits: string): string {
  const width = bits.length === 32 ? 8 : 16;
  const numbers = Array.from(
    { length: bits.length / width },
    (_, at) => parseInt(bits.slice(at * width, at * width + width), 2),
  );
  return width === 8 ? numbers.join(".") : numbers.map((number) => number.toString(16)).join(":");
}

test("a block holds an address when the bits up to its prefix are the same, and only then (property)", () => {
  const pair = fc.oneof(fc.tuple(IPV4, IPV4), fc.tuple(IPV6, IPV6), fc.tuple(IPV4, IPV6));
  fc.assert(
    fc.property(pair, fc.nat(128), fc.nat(128), ([block, other], length, shared) => {
      const prefix = Math.min(length, block.bits.length);
      const zeros = block.bits.slice(0, prefix).padEnd(block.bits.length, "0");
      // A block of mapped addresses is IPv4, which the examples above are about.
      if (zeros.length === 128 && !zeros.slice(0, 80).includes("1")) return;
      const entry = `${textOfBits(zeros)}/${prefix}`;
      // The other one shares some bits with it: else a long prefix would never be met.
      const near = block.bits.length === other.bits.length
        ? block.bits.slice(0, shared) + other.bits.slice(shared)
        : other.bits;
      const mapped = near.length === 128 && !near.slice(0, 80).includes("1");
      if (mapped) return;
      const holds = near.length === block.bits.length && near.slice(0, prefix) === block.bits.slice(0, prefix);
      assertEquals(new AccessList([entry], []).refuses(textOfBits(near)) === undefined, holds, `${entry} ${near}`);
      assertEquals(new AccessList([], [entry]).refuses(textOfBits(near)) === undefined, !holds, `${entry} ${near}`);
    }),
    { numRuns: 2000 },
  );
});

test("an address is itself, however it is written (property)", () => {
  fc.assert(
    fc.property(fc.oneof(IPV4, IPV6), ({ bits, text }) => {
      assertEquals(new AccessList([text], []).refuses(textOfBits(bits)), undefined, text);
      assertEquals(new AccessList([textOfBits(bits)], []).refuses(text), undefined, text);
    }),
    { numRuns: 1000 },
  );
});

test("any text is a block, or is refused by name (property)", () => {
  const text = fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom(..."0123456789abf.:/%") }));
  fc.assert(
    fc.property(text, (entry) => {
      try {
        new AccessList([entry], []);
      } catch (error) {
        assert((error as Error).message.startsWith(`Cannot use allow ${JSON.stringify(entry)}: `), `${error}`);
      }
    }),
    { numRuns: 2000 },
  );
});

// --- at the listener ---

test("a denied client is refused, counted and logged, and takes no place", async () => {
  const lines = await logged("info", async () => {
    const world = await World.open({ allow: ["10.0.0.0/8"], deny: ["10.6.0.0/16"], maxConnections: 1 });
    for (const client of ["10.6.0.1:1", "[::ffff:10.6.6.6]:2", "192.168.0.1:3", "[fe80::1%eth0]:4", "unknown:0"]) {
      assertEquals(world.come(client).token, undefined, client);
    }
    world.join("[::ffff:10.5.0.1]:5");
    const { connections, joined, closed: left } = world.mob.stats();
    assertEquals([connections, joined, left.refused], [1, 1, 5]);
  });
  assertEquals(lines.map(lineOf), [
    "Refused: 10.6.0.1:1, deny 10.6.0.0/16",
    "Refused: [::ffff:10.6.6.6]:2, deny 10.6.0.0/16",
    "Refused: 192.168.0.1:3, not in allow",
    "Refused: [fe80::1%eth0]:4, not in allow",
    "Refused: unknown:0, its address cannot be checked",
    "Joined: [::ffff:10.5.0.1]:5",
  ]);
});

test("clients on Unix sockets and the application's own clients have no address and are never refused by lists", async () => {
  const world = await World.open({ allow: ["10.0.0.0/8"], deny: ["0.0.0.0/0", "::/0"] });
  world.join("unix");
  world.mob.join();
  assertEquals(world.mob.stats().connections, 2);
});

// --- handshakes ---

test("a handshake has a place until it is accepted, which counts it once, or has failed", async () => {
  const world = await World.open({ maxConnections: 2 });
  const { registry, mob } = world;
  assert(registry.handshakeStarted!("10.0.0.1:1"));
  assertEquals([mob.stats().handshakes, mob.stats().connections, mob.connections()], [1, 0, []]);
  const member = world.join("10.0.0.1:1");
  assertEquals([mob.stats().handshakes, mob.stats().connections], [0, 1]);
  assert(registry.handshakeStarted!("10.0.0.2:1"));
  assertEquals(world.come().token, undefined, "the handshake has the last place");
  registry.handshakeFailed!("10.0.0.2:1", new Error("no certificate"));
  world.join();
  assertEquals(world.come().token, undefined);
  world.ready(member.token, HUP);
  world.run();
  world.join();
  const { closed: left, joined, handshakes } = mob.stats();
  assertEquals([left["handshake-failed"], left.refused, joined, handshakes], [1, 2, 3, 0]);
});

test("handshakes take up to half of the places, so that endless ones refuse no client of other listeners", async () => {
  const world = await World.open({ maxConnections: 100 });
  const handshakes = Array.from({ length: 500 }, (_, index) => world.registry.handshakeStarted!(`10.0.0.2:${index}`));
  assertEquals(handshakes.filter((may) => may).length, 50);
  for (let count = 0; count < 50; count++) world.join();
  assertEquals(world.come().token, undefined);
  assertEquals(world.mob.stats().closed.refused, 451);
  // The adapter ends them after a while: then there is room at the listener over TLS again.
  for (let index = 0; index < 50; index++) world.registry.handshakeFailed!(`10.0.0.2:${index}`, new Error("too slow"));
  assert(world.registry.handshakeStarted!("10.0.0.3:1"));
});

test("maxConnectionsPerAddress counts handshakes, so that one address cannot have all of them", async () => {
  const world = await World.open({ maxConnectionsPerAddress: 2 });
  const handshakes = [1, 2, 3].map((port) => world.registry.handshakeStarted!(`10.0.0.2:${port}`));
  assertEquals(handshakes, [true, true, false]);
  assert(world.registry.handshakeStarted!("10.0.0.3:1"));
  world.join("10.0.0.2:1");
  assertEquals(world.come("10.0.0.2:4").token, undefined);
});

test("a handshake is refused by the lists, and by a closing mob; so is the accept after one", async () => {
  const world = await World.open({ deny: ["10.6.0.0/16"] });
  assert(!world.registry.handshakeStarted!("10.6.0.1:1"));
  assert(world.registry.handshakeStarted!("10.5.0.1:1"));
  const closed = world.mob.close();
  assert(!world.registry.handshakeStarted!("10.5.0.2:1"));
  assertEquals(world.come("10.5.0.1:1").token, undefined);
  assertEquals([world.mob.stats().closed.refused, world.mob.stats().handshakes], [3, 0]);
  world.run();
  await closed;
});

test("a handshake of one and the same client at two listeners counts for both", async () => {
  const world = await World.open({ maxConnections: 4 });
  assert(world.registry.handshakeStarted!("10.0.0.1:1") && world.registry.handshakeStarted!("10.0.0.1:1"));
  world.join("10.0.0.1:1");
  assertEquals(world.mob.stats().handshakes, 1);
  world.registry.handshakeFailed!("10.0.0.1:1", new Error("too slow"));
  // A failed handshake that never began is reported and counted, and frees no place.
  world.registry.handshakeFailed!("10.0.0.1:1", new Error("too slow"));
  assertEquals([world.mob.stats().handshakes, world.mob.stats().closed["handshake-failed"]], [0, 2]);
  for (let count = 0; count < 3; count++) world.join();
  assertEquals(world.come().token, undefined);
});

test("a thousand failed handshakes are ten lines, each cut short", async () => {
  const lines = await logged("info", async () => {
    const world = await World.open();
    for (let port = 0; port < 1000; port++) {
      world.registry.handshakeStarted!(`10.0.0.2:${port}`);
      const error = new Error("x".repeat(10_000));
      if (port === 0) Object.assign(error, { code: "ERR_SSL_WRONG_VERSION_NUMBER" });
      world.registry.handshakeFailed!(`10.0.0.2:${port}`, error);
    }
    assertEquals(world.mob.stats().closed["handshake-failed"], 1000);
  });
  assertEquals(lines.length, 10);
  assertEquals(lineOf(lines[0]!), "Handshake failed: 10.0.0.2:0, ERR_SSL_WRONG_VERSION_NUMBER");
  assertEquals((lines[1]!.properties.why as string).length, 200);
});

// --- exposure ---

/** What is logged when a listener is opened, or why it is not. */
async function exposure(url: string, options: Parameters<typeof resolveOptions>[0], ca?: string): Promise<string> {
  const tls = ca === undefined ? undefined : { cert: "", key: "", ca };
  const lines = await logged("info", () => {
    checkExposure(parseAddress(url), resolveOptions(options), tls);
    return Promise.resolve();
  });
  return lines.map(lineOf).join("\n");
}

test("a listener that every client can reach causes a warning with three ways forward", async () => {
  assertMatch(
    await exposure("tcp://0.0.0.0:1", {}),
    /^Exposed: .*tcp:\/\/0\.0\.0\.0:1.* in the clear: use tls:.*allow.*127/,
  );
  assertMatch(await exposure("tcp://[::]:1", { deny: ["10.0.0.0/8"] }), /^Exposed/);
  assertMatch(await exposure("tcp://example.org:1", {}), /^Exposed/);
  assertMatch(await exposure("tcp://127.example.org:1", {}), /^Exposed/);
  assertMatch(await exposure("tls://0.0.0.0:1", {}), /^Exposed: .*client certificates \(ca\).*allow.*secret/);
});

test("a listener of this machine, or with access control, causes none", async () => {
  for (
    const url of [
      "tcp://127.0.0.1:1",
      "tcp://127.8.8.8:1",
      "tcp://127.1:1",
      "tcp://[::1]:1",
      "tcp://LOCALHOST:1",
      "unix:x",
      "tls://[::1]:1",
    ]
  ) {
    assertEquals(await exposure(url, {}), "", url);
    assertEquals(await exposure(url, { secret: "s" }), "", url);
  }
  assertEquals(await exposure("tcp://0.0.0.0:1", { allow: ["10.0.0.0/8"] }), "");
  assertEquals(await exposure("tls://0.0.0.0:1", { allow: ["10.0.0.0/8"] }), "");
  assertEquals(await exposure("tls://0.0.0.0:1", { secret: "s" }), "");
  assertEquals(await exposure("tls://0.0.0.0:1", {}, "an authority"), "");
  assertEquals([isLoopback("::ffff:127.0.0.1"), isLoopback("128.0.0.1"), isLoopback("name")], [true, false, false]);
});

test("a secret does not cross the network in the clear", async () => {
  const mob = new Mob(memoryAdapter({ manual: true }), { secret: "s", allow: ["10.0.0.0/8"] });
  const error = await assertRejects(() => mob.listen("tcp://0.0.0.0:8000"), Error);
  assertEquals(
    error.message,
    "Cannot listen on tcp://0.0.0.0:8000: the secret would cross the network in the clear, use tls:// or listen on loopback",
  );
  await mob.listen("tcp://127.0.0.1:8000");
  assertEquals(mob.urls, ["tcp://127.0.0.1:8000"]);
});

test("a client sends no secret in the clear either, except on loopback", async () => {
  const adapter = memoryAdapter();
  let came = 0;
  const probe: Adapter = { ...adapter, connect: (...those) => (came++, adapter.connect(...those)) };
  const error = await assertRejects(
    () => connect("tcp://mob.example.org:8000", { adapter: probe, secret: "sesame" }),
    Error,
  );
  assertEquals(
    error.message,
    "Cannot connect to tcp://mob.example.org:8000: the secret would cross the network in the clear, use tls:// or connect to loopback",
  );
  assertEquals(came, 0);
  for (const url of ["tcp://127.0.0.1:8000", "tcp://localhost:8000", "tls://mob.example.org:8000", "unix:/nowhere"]) {
    const error = await assertRejects(() => connect(url, { adapter: probe, secret: "sesame" }), Error);
    assert(!(error as Error).message.includes("clear"), url);
  }
  assertEquals(came, 4);
});
