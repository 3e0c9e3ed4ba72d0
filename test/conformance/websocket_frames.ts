/**
 * Frames, control frames and closing (RFC 6455, 5 to 8) at a real listener.
 *
 * @module
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { bytesOf, concat, frameOf, textsOf } from "../helpers/bytes.ts";
import { noneClosed } from "../../src/status/stats.ts";
import { clientFrame } from "../helpers/websocket_client.ts";
import { upgradeRequest } from "../helpers/websocket_stream.ts";
import { CLOSE, control, message, PING, PONG, type WebSocketCheck } from "./websocket_stage.ts";

const MIB = 2 ** 20;
const [CONTINUATION, TEXT, BINARY, FIN] = [0, 1, 2, 128];

/** What a client must not send, with the close code that says so. */
interface Fault {
  readonly what: string;
  readonly code: number;
  readonly bytes: Uint8Array;
  readonly packed?: boolean;
}

/** Text of characters of one to four bytes. */
const MIXED = bytesOf("aé€😀");

/** Where a character of it is cut. */
const CUTS = [2, 4, 5, 7, 8, 9];

function closeFrame(code: number, reason: string | Uint8Array = ""): Uint8Array {
  return control(
    CLOSE,
    concat(Uint8Array.of(code >> 8, code & 255), typeof reason === "string" ? bytesOf(reason) : reason),
  );
}

function fragment(first: number, payload: string | Uint8Array = ""): Uint8Array {
  return clientFrame({ first, payload: typeof payload === "string" ? bytesOf(payload) : payload });
}

const FAULTS: readonly Fault[] = [
  { what: "a frame without a mask", code: 1002, bytes: clientFrame({ payload: bytesOf("x"), mask: null }) },
  { what: "an empty frame without a mask", code: 1002, bytes: clientFrame({ mask: null }) },
  { what: "a ping without a mask", code: 1002, bytes: clientFrame({ first: 0x89, mask: null }) },
  ...[0xc2, 0xa2, 0x92, 0xf2, 0xc9].map((first): Fault => (
    { what: `reserved bits ${first}`, code: 1002, bytes: fragment(first, "x") }
  )),
  ...[3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map((opcode): Fault => (
    { what: `opcode ${opcode}`, code: 1002, bytes: fragment(FIN | opcode, "x") }
  )),
  ...[CLOSE, PING, PONG].map((opcode): Fault => (
    { what: `opcode ${opcode} in fragments`, code: 1002, bytes: fragment(opcode) }
  )),
  ...[CLOSE, PING, PONG].map((opcode): Fault => (
    { what: `opcode ${opcode} with 126 bytes`, code: 1002, bytes: control(opcode, new Uint8Array(126)) }
  )),
  { what: "a continuation of nothing", code: 1002, bytes: fragment(FIN | CONTINUATION, "x") },
  { what: "a continuation of what is whole", code: 1002, bytes: concat(message("w"), fragment(CONTINUATION, "x")) },
  { what: "a message inside a message", code: 1002, bytes: concat(fragment(BINARY, "x"), fragment(FIN | BINARY, "x")) },
  { what: "text inside a message", code: 1002, bytes: concat(fragment(TEXT, "x"), fragment(TEXT, "x")) },
  { what: "two bytes for a length of 125", code: 1002, bytes: clientFrame({ length: [126, 0, 125] }) },
  {
    what: "eight bytes for a length of 65,535",
    code: 1002,
    bytes: clientFrame({ length: [127, 0, 0, 0, 0, 0, 0, 255, 255] }),
  },
  { what: "a length of 2^63", code: 1002, bytes: clientFrame({ length: [127, 128, 0, 0, 0, 0, 0, 0, 0] }) },
  { what: "a message over maxFrame", code: 1009, bytes: clientFrame({ length: [127, 0, 0, 0, 0, 0, 16, 0, 1] }) },
  { what: "a length of 2^62", code: 1009, bytes: clientFrame({ length: [127, 64, 0, 0, 0, 0, 0, 0, 0] }) },
  {
    what: "fragments over maxFrame together",
    code: 1009,
    bytes: concat(fragment(BINARY, new Uint8Array(MIB)), fragment(CONTINUATION), fragment(CONTINUATION, "x")),
  },
  { what: "text that is not UTF-8", code: 1007, bytes: fragment(FIN | TEXT, Uint8Array.of(97, 0xff, 97)) },
  { what: "text with half a surrogate pair", code: 1007, bytes: fragment(FIN | TEXT, Uint8Array.of(0xed, 0xa0, 0x80)) },
  { what: "text in a form that is too long", code: 1007, bytes: fragment(FIN | TEXT, Uint8Array.of(0xc0, 0xaf)) },
  { what: "text beyond Unicode", code: 1007, bytes: fragment(FIN | TEXT, Uint8Array.of(0xf4, 0x90, 0x80, 0x80)) },
  { what: "a fragment that cannot become UTF-8", code: 1007, bytes: fragment(TEXT, Uint8Array.of(0xe2, 0x28)) },
  ...CUTS.map((cut): Fault => (
    { what: `text cut at byte ${cut}`, code: 1007, bytes: fragment(FIN | TEXT, MIXED.subarray(0, cut)) }
  )),
  ...CUTS.map((cut): Fault => (
    {
      what: `fragments of text that end at byte ${cut}`,
      code: 1007,
      bytes: concat(fragment(TEXT, MIXED.subarray(0, cut - 1)), fragment(FIN, MIXED.subarray(cut - 1, cut))),
    }
  )),
  { what: "a close frame with one byte", code: 1002, bytes: control(CLOSE, "x") },
  ...[0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535].map((code): Fault => (
    { what: `close code ${code}`, code: 1002, bytes: closeFrame(code) }
  )),
  { what: "a close reason that is not UTF-8", code: 1007, bytes: closeFrame(1000, Uint8Array.of(0xff)) },
  { what: "text in mobcast.u64", code: 1003, bytes: fragment(FIN | TEXT, frameOf("x")), packed: true },
  {
    what: "a frame over maxFrame in mobcast.u64",
    code: 1009,
    bytes: fragment(FIN | BINARY, Uint8Array.of(0, 0, 0, 0, 0, 16, 0, 1)),
    packed: true,
  },
  { what: "a fault in mobcast.u64", code: 1002, bytes: fragment(0xc2, "x"), packed: true },
];

/** Registers the cases. */
export function frames(check: WebSocketCheck): void {
  check("each fault has its close code, behind what came before, and a clean end", async (open) => {
    const stage = await open();
    const witness = await stage.joinTcp();
    await Promise.all(FAULTS.map(async ({ what, code, bytes, packed = false }, index) => {
      const wrap = (text: string): Uint8Array => packed ? clientFrame({ payload: frameOf(text) }) : message(text);
      const peer = await stage.join(packed);
      peer.send(wrap(`good ${index}`), bytes, wrap("bad"));
      // What is sent behind it must not turn the end into a reset that overtakes the close frame.
      peer.send(new Uint8Array(index % 10 === 0 ? MIB : 1000));
      const last = await peer.ends();
      assertMatch(last ?? "", new RegExp(`^close:${code}:.`), what);
    }));
    const texts = textsOf(await witness.receive(stage.mob.stats().published.bytes));
    const expected = FAULTS.map((_, index) => `good ${index}`);
    assertEquals(texts.filter((text) => text !== "w").sort(), expected.sort());
    await stage.until(() => stage.mob.stats().connections === 1, "the others to be gone");
    const { closed, receiveBytes } = stage.mob.stats();
    const large = FAULTS.filter(({ code }) => code === 1009).length;
    assertEquals(
      [closed, receiveBytes],
      [{ ...noneClosed(), "frame-too-large": large, "protocol-error": FAULTS.length - large }, 0],
    );
  });

  check("messages of every size come back whole, binary and text", async (open) => {
    const stage = await open();
    const peer = await stage.join();
    const sizes = [1, 2, 3, 124, 125, 126, 127, 128, 65_534, 65_535, 65_536, 65_537, 300_000, MIB];
    let count = 0;
    for (const size of sizes) {
      for (const first of [FIN | BINARY, FIN | TEXT]) {
        const payload = new Uint8Array(size).map((_, index) => 97 + (index * 7 + size) % 26);
        peer.send(fragment(first, payload));
        await peer.got(++count);
        const came = peer.received.payloads.at(-1)!;
        assert(came.length === size && came.every((byte, index) => byte === payload[index]), `${size} bytes`);
      }
    }
  });

  check("fragments, cut inside characters too, with control frames between them, are one message", async (open) => {
    const stage = await open();
    const peer = await stage.join();
    const expected: string[] = [];
    for (let cut = 0; cut <= MIXED.length; cut++) {
      peer.send(
        fragment(TEXT, MIXED.subarray(0, cut)),
        control(PING, `${cut}`),
        fragment(CONTINUATION),
        control(PONG),
        fragment(FIN, MIXED.subarray(cut)),
      );
      expected.push(`pong:${cut}`, "aé€😀");
      // A client that sends many pings at once need not get a pong for each.
      await peer.got(cut + 1);
    }
    assertEquals(peer.received.frames, expected);
    // In segments of a byte, a pong comes before the message is whole.
    await peer.sendSlowly(concat(fragment(BINARY, "one "), control(PING, "?"), fragment(CONTINUATION)));
    await peer.got("pong:?");
    await peer.sendSlowly(concat(fragment(CONTINUATION, "message "), fragment(FIN, "in pieces")));
    await peer.got(MIXED.length + 2);
    assertEquals(peer.messages.at(-1), "one message in pieces");
  });

  check("pings are answered with what they hold; empty messages and pongs are not answered", async (open) => {
    const stage = await open();
    const [peer, other] = [await stage.join(), await stage.join()];
    const payloads = ["", "x", "y".repeat(125)];
    for (const payload of payloads) peer.send(control(PING, payload), control(PONG, payload), fragment(FIN | BINARY));
    peer.send(message("last"));
    await Promise.all([peer.got(1), other.got(1)]);
    assertEquals(peer.received.frames, [...payloads.map((payload) => `pong:${payload}`), "last"]);
    assertEquals(other.received.frames, ["last"]);
  });

  check("a pong comes between whole frames, also to a client that reads late", async (open) => {
    const stage = await open({ maxLag: 64 * MIB });
    const [peer, packed] = [await stage.join(), await stage.join(true)];
    for (const each of [peer, packed]) each.pause();
    const text = "x".repeat(500_000);
    // More than two kernels hold.
    for (let count = 0; count < 30; count++) stage.mob.publish(text);
    await stage.until(() => stage.mob.stats().bufferedAmount === 0, "all to be published");
    for (const each of [peer, packed]) each.send(control(PING, "late"));
    for (const each of [peer, packed]) {
      each.resume();
      await each.got("pong:late");
      await each.until(() => each.received.payloads.length === 30, "all messages");
    }
    assert(peer.messages.every((each) => each === text) && packed.unpacked.every((each) => each === text));
  });

  check("a client that closes gets its code back behind what was published before, and a clean end", async (open) => {
    const stage = await open();
    const closes: readonly [sent: Uint8Array, back: string][] = [
      [closeFrame(1000, "bye"), "close:1000:"],
      [closeFrame(1001), "close:1001:"],
      [closeFrame(1003), "close:1003:"],
      [closeFrame(1007), "close:1007:"],
      [closeFrame(1014), "close:1014:"],
      [closeFrame(3000), "close:3000:"],
      [closeFrame(4999, "é".repeat(61)), "close:4999:"],
      [control(CLOSE), "close:1000:"],
    ];
    for (const packed of [false, true]) {
      for (const [sent, back] of closes) {
        const peer = await stage.join(packed);
        peer.send(packed ? clientFrame({ payload: frameOf("last") }) : message("last"), sent, message("not any more"));
        assertEquals(await peer.ends(), back);
        assertEquals(packed ? peer.unpacked : peer.messages, ["last"]);
      }
    }
    await stage.until(() => stage.mob.stats().connections === 0, "all to be gone");
    assertEquals(stage.mob.stats().closed.end, 2 * closes.length);
  });

  check(
    "a client that ends without a close frame gets none, and one inside of a message is truncated",
    async (open) => {
      const stage = await open();
      const [peer, torn] = [await stage.join(), await stage.join()];
      peer.send(message("last"));
      peer.end();
      assertEquals(await peer.ends(), "last");
      torn.send(fragment(BINARY, "not whole"));
      torn.end();
      await torn.over();
      await stage.until(() => stage.mob.stats().connections === 0, "both to be gone");
      const { closed, published } = stage.mob.stats();
      assertEquals([closed.end, closed.truncated, published.frames], [1, 1, 1]);
    },
  );

  check("a client that does not answer a close frame is gone soon", async (open) => {
    const stage = await open({ drainTimeout: 100 });
    const peer = await stage.join();
    stage.mob.disconnect(stage.mob.connections()[0]!.token);
    await peer.got("close:1008:disconnected");
    await stage.until(() => stage.mob.stats().connections === 0, "the client to be gone");
    const other = stage.send(upgradeRequest(), control(CLOSE));
    await other.got("close:1000:");
    await stage.until(() => stage.mob.stats().closed.end === 1, "the other to be gone");
  });
}
