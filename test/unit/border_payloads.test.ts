/** The boundary: payloads of every kind are taken or refused by what they are, and hooks may do anything. */

import { test } from "node:test";
import { setImmediate } from "node:timers";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { memoryAdapter } from "../../adapters/memory.ts";
import { connect, encodeFrame, type Payload, serve } from "../../mod.ts";
import { FRAMINGS } from "../../src/framing/framing.ts";
import { payloadOf } from "../../src/framing/payload.ts";
import { bytesOf, frameOf, textOf } from "../helpers/bytes.ts";
import { lineOf, logged } from "../helpers/logged.ts";
import {
  type Anything,
  assertRefused,
  errorOf,
  NO_OPTIONS,
  NO_PAYLOADS,
  part,
  SIGNALS,
  TIMEOUT,
  URL_TEXT,
} from "../helpers/refusals.ts";

/** The same bytes in memory that threads share. */
function shared(text: string): Uint8Array {
  const bytes = new Uint8Array(new SharedArrayBuffer(text.length));
  bytes.set(bytesOf(text));
  return bytes;
}

/** The kinds of payloads, each with the text "four". */
const PAYLOADS: readonly Payload[] = [
  "four",
  bytesOf("four"),
  part("four"),
  part("four").slice().buffer,
  new DataView(Uint8Array.from(part("four")).buffer),
  new DataView(bytesOf("..four..").slice().buffer, 2, 4),
  new Uint16Array(bytesOf("..four..").slice().buffer, 2, 2),
  new Uint16Array(part("four").slice().buffer),
  new Float32Array(part("four").slice().buffer),
  shared("four"),
  shared("four").buffer,
  new Uint8Array(part("four").slice().buffer, 0),
];

/** Buffers that were transferred, and views that their buffer no longer reaches. */
function gone(): Payload[] {
  const views = [bytesOf("four"), new DataView(new ArrayBuffer(4)), new Uint16Array(4)];
  const buffers = views.map((view) => view.buffer as ArrayBuffer);
  for (const buffer of buffers) structuredClone(buffer, { transfer: [buffer] });
  // ES2024, which the types are older than; the runtimes have it.
  const resizable = new (ArrayBuffer as Anything)(8, { maxByteLength: 8 });
  const beyond = [new Uint8Array(resizable, 4, 4), new Uint16Array(resizable, 4, 2), new DataView(resizable, 4, 4)];
  resizable.resize(5);
  return [...views, ...buffers, ...beyond];
}

// --- payloads ---

test(
  "send refuses what is no payload, and every client receives the rest unchanged (three kinds of clients)",
  TIMEOUT,
  async () => {
    const adapter = memoryAdapter();
    for (const framing of ["u64", "line"] as const) {
      await using mob = await serve({ adapter, listen: URL_TEXT, framing });
      const url = mob.urls[0]!;
      const clients = [
        await connect(url, { adapter, framing }),
        await connect(url, { adapter, framing, reconnect: true }),
        mob.join(),
      ];
      const listener = mob.join();
      for (const client of clients) {
        await client.send("first");
        await assertRefused("send", (payload) => client.send(payload), NO_PAYLOADS);
        for (const payload of gone()) {
          assertStringIncludes(
            (await errorOf("a buffer that is gone", () => client.send(payload))).message,
            "buffer is gone",
          );
        }
        await assertRefused("send", (options) => client.send("never", options), [...NO_OPTIONS, ...SIGNALS]);
        if (framing === "line") {
          await assertRefused("send", (text) => client.send(text), [["a\nb", "newline"], [
            shared("a\nb"),
            "newline",
          ]]);
        }
        await assertRefused("close", (options) => client.close(options), [...NO_OPTIONS, [
          { timeout: NaN },
          "timeout NaN",
        ]]);
        for (const payload of PAYLOADS) await client.send(payload);
        await client.send("last");
      }
      const expected = clients.flatMap(() => ["first", ...PAYLOADS.map(() => "four"), "last"]).sort();
      const received: string[] = [];
      for await (const message of listener) {
        received.push(textOf(message));
        if (received.length === expected.length) break;
      }
      assertEquals(received.sort(), expected);
      for (const client of clients) await client.close();
    }
    for (const payload of PAYLOADS) assertEquals(encodeFrame("u32", payload), frameOf("four", "u32"));
  },
);

test("an error of the first send of all names the payload, too", TIMEOUT, async () => {
  const adapter = memoryAdapter();
  await using mob = await serve({ adapter, listen: URL_TEXT });
  for (const [payload, says] of NO_PAYLOADS) {
    await using client = await connect(mob.urls[0]!, { adapter });
    const { message } = await errorOf(says, () => client.send(payload as Anything));
    assertStringIncludes(message, `Cannot send to ${mob.urls[0]}: `);
    assertStringIncludes(message, says);
    assertEquals(client.state, "open");
  }
});

test(
  "a payload may change as soon as send was called, whether it waits or not (three kinds of clients)",
  TIMEOUT,
  async () => {
    const adapter = memoryAdapter({ manual: true });
    const settle = async (): Promise<void> => {
      for (let round = 0; round < 20; round++) {
        adapter.run();
        await new Promise<void>((resolve) => void setImmediate(resolve));
      }
    };
    const mob = await serve({ adapter, listen: "tcp://127.0.0.1:7000" });
    const again = connect("tcp://127.0.0.1:7001", { adapter, reconnect: { retryInitial: true } });
    const once = connect("tcp://127.0.0.1:7000", { adapter });
    await settle();
    // A reconnecting client that has lost its connection waits for the next one.
    const away = await serve({ adapter, listen: "tcp://127.0.0.1:7001" });
    adapter.advance(1000);
    await settle();
    const reconnecting = await again;
    void away.close({ drain: 0 });
    await settle();
    const listener = mob.join();
    const bytes = new Uint8Array(200_000);
    const sends = [await once, mob.join({ receive: false }), reconnecting].flatMap((client) =>
      [1, 2, 3, 4, 5].map((value) => {
        bytes.fill(value);
        return client.send(bytes);
      })
    );
    bytes.fill(9);
    await mob.listen("tcp://127.0.0.1:7001");
    adapter.advance(1000);
    const received: number[] = [];
    const reading = (async () => {
      for await (const message of listener) {
        assert(message.every((byte) => byte === message[0]), "a message of two");
        if (received.push(message[0]!) === 15) return;
      }
    })();
    for (let round = 0; round < 20 && received.length < 15; round++) await settle();
    await Promise.all(sends);
    await reading;
    assertEquals(received.sort(), [1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4, 5, 5, 5]);
    void mob.close({ drain: 0 });
    void reconnecting.close();
    await settle();
  },
);

test("bytes that a framing looks at are copied first when another thread could change them", () => {
  const bytes = shared("abc");
  assert(payloadOf("Cannot", bytes, FRAMINGS.line, 10) !== bytes);
  assert(payloadOf("Cannot", bytes, FRAMINGS.u64, 10) === bytes);
});

// --- hooks ---

test("a hook that throws or rejects is logged, breaks nothing and is never unhandled", TIMEOUT, async () => {
  for (
    const failing of [
      () => {
        throw new Error("thrown");
      },
      () => Promise.reject(new Error("rejected")),
      // A thenable of the application's own.
      () => ({ then: (_: unknown, reject: (error: Error) => void) => reject(new Error("thenable")) }),
    ] as (() => void)[]
  ) {
    const lines = (await logged("error", async () => {
      const adapter = memoryAdapter();
      const mob = await serve({ adapter, listen: URL_TEXT, onJoin: failing, onLeave: failing });
      const client = await connect(mob.urls[0]!, { adapter, reconnect: { onChange: failing } });
      await client.send("x");
      await client.close();
      await mob.close();
      // An unhandled rejection would end the run on Node and Deno, and fail the test on Bun.
      await new Promise<void>((resolve) => void setImmediate(resolve));
    })).map(lineOf);
    assertEquals(
      ["onJoin", "onLeave", "onChange"].map((name) => lines.some((line) => line.includes(`Cannot run ${name} of`))),
      [true, true, true],
      lines.join("\n"),
    );
  }
});
