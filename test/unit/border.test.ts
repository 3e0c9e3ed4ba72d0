/** The boundary: whatever a caller hands in is checked, by name, before anything changes; in JavaScript too. */

import { test } from "node:test";
import { setImmediate } from "node:timers";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { memoryAdapter } from "../../adapters/memory.ts";
import { connect, encodeFrame, Mob, type Payload, serve } from "../../mod.ts";
import { FrameDecoder, Log, parseAddress, Slab } from "../../core.ts";
import { SocketClient } from "../../src/client/socket_client.ts";
import { FRAMINGS } from "../../src/framing/framing.ts";
import { payloadOf } from "../../src/framing/payload.ts";
import { bytesOf, frameOf, textOf } from "../helpers/bytes.ts";
import { lineOf, logged } from "../helpers/logged.ts";

const TIMEOUT = { timeout: 30_000 };
const URL_TEXT = "tcp://127.0.0.1:0";
const SECRET = "not to be shown";

/** Arguments of any kind, as JavaScript has them. */
// deno-lint-ignore no-explicit-any
type Anything = any;

/** What is thrown, or rejected with, by something that must not work. */
async function errorOf(what: string, run: () => unknown): Promise<Error> {
  try {
    await run();
  } catch (error) {
    assert(error instanceof TypeError || error instanceof RangeError, `${what}: ${error}`);
    return error;
  }
  throw new Error(`${what} was taken`);
}

/** Calls with each of the wrong arguments, and checks what the error says of them. */
async function assertRefused(
  name: string,
  call: (value: Anything) => unknown,
  wrong: readonly (readonly [value: unknown, ...says: string[]])[],
): Promise<void> {
  for (const [value, ...says] of wrong) {
    const what = `${name} ${Object.prototype.toString.call(value)} ${says[0]}`;
    const { message } = await errorOf(what, () => call(value));
    for (const part of ["Cannot ", ...says]) assertStringIncludes(message, part, what);
    assert(!message.includes(SECRET), message);
  }
}

/** What no options are, and options that there are not. */
const NO_OPTIONS = [
  [null, "null"],
  [8000, "8000"],
  ["tcp://127.0.0.1:0", `"tcp://127.0.0.1:0"`],
  [[], "Array"],
  [() => {}, "Function"],
  [new URL(URL_TEXT), "URL"],
  [{ nonsense: 1 }, "option nonsense"],
  [JSON.parse(`{ "__proto__": 1 }`), "option __proto__"],
  [{ constructor: 1 }, "option constructor"],
] as const;

const SIGNALS = [
  [{ signal: null }, "signal", "AbortSignal"],
  [{ signal: new AbortController() }, "signal", "AbortSignal"],
  [{ signal: 1000 }, "signal 1000"],
] as const;

const ADAPTERS = [
  [{ adapter: null }, "adapter null"],
  [{ adapter: memoryAdapter }, "adapter", "it is an Adapter"],
  [{ adapter: "node" }, `adapter "node"`],
  [{ adapter: {} }, "adapter", "listen()"],
] as const;

const PEER_OPTIONS = [
  [{ receive: "no" }, `receive "no"`, "true or false"],
  [{ receive: null }, "receive null"],
  [{ maxFrame: "1" }, `maxFrame "1"`],
  [{ maxFrame: 0 }, "maxFrame 0"],
  [{ maxFrame: null }, "maxFrame null"],
  [{ maxframe: 1 }, "option maxframe", "did you mean maxFrame?"],
  [{ echo: "others" }, "option echo"],
  [{ maxLag: 1 }, "option maxLag"],
  [{ closeTimeout: -1 }, "closeTimeout -1"],
  [{ closeTimeout: "1s" }, `closeTimeout "1s"`],
  ...SIGNALS,
] as const;

const TLS = [
  [{ tls: null }, "tls", "not null"],
  [{ tls: SECRET }, "tls", "not string"],
  [{ tls: { cert: bytesOf(SECRET), key: SECRET } }, "tls.cert", "text, not Uint8Array"],
  [{ tls: { cert: SECRET, key: 1 } }, "tls.key", "text, not number"],
  [{ tls: { cert: SECRET, keys: SECRET } }, "tls.keys", "did you mean key?"],
] as const;

const MOB_OPTIONS = [
  [{ framing: "u65" }, `framing "u65"`, "u64, u32, line"],
  [{ framing: "toString" }, `framing "toString"`],
  [{ slowConsumer: true }, "slowConsumer true"],
  [{ maxFrame: null }, "maxFrame null"],
  [{ maxConnections: 1.5 }, "maxConnections 1.5"],
  [{ maxconnections: 1 }, "option maxconnections", "did you mean maxConnections?"],
  [{ allow: "10.0.0.1" }, `allow "10.0.0.1"`],
  [{ deny: [1] }, "deny 1"],
  [{ secret: 1 }, "secret (not shown)"],
  [{ secret: `${SECRET}\ud800` }, "secret (not shown)"],
  [{ onJoin: "x" }, `onJoin "x"`, "function"],
  [{ onLeave: null }, "onLeave null"],
  [{ onMessage: "x" }, 'onMessage "x"'],
  [{ authorize: true }, "authorize true"],
  [{ onjoin: () => {} }, "option onjoin", "did you mean onJoin?"],
  [{ unixMode: "0660" }, `unixMode "0660"`],
  [{ unixMode: 0o1000 }, "unixMode 512"],
  [{ receive: false }, "option receive"],
  ...TLS,
] as const;

const LISTEN = [
  [{ listen: 8000 }, "listen on 8000", "did you mean tcp://127.0.0.1:8000"],
  [{ listen: null }, "listen on null"],
  [{ listen: {} }, "listen on [object Object]"],
  [{ listen: [URL_TEXT, 8000] }, "listen on 8000"],
  [{ listen: [[URL_TEXT]] }, "listen on [object Array]"],
  [{ listen: [, URL_TEXT] }, "listen on undefined"],
  [{ listen: [URL_TEXT, "nonsense"] }, `"nonsense"`],
  [{ listen: new Set([URL_TEXT]) }, "listen on [object Set]"],
] as const;

test("serve and new Mob refuse what they cannot use, by name, and open no listener", TIMEOUT, async () => {
  let listeners = 0;
  const adapter = memoryAdapter();
  const counting = {
    ...adapter,
    listen: (...args: Parameters<typeof adapter.listen>) => (listeners++, adapter.listen(...args)),
  };
  const withAdapter = (options: Anything): unknown =>
    Object.prototype.toString.call(options) === "[object Object]" && !Object.hasOwn(options, "adapter")
      ? serve({ adapter: counting, ...options })
      : serve(options);
  await assertRefused("serve", withAdapter, [
    ...NO_OPTIONS.filter(([, says]) => says !== "option __proto__"),
    ...MOB_OPTIONS,
    ...LISTEN,
    ...SIGNALS,
    ...ADAPTERS,
    // These are options of a listener that does not exist here.
    [{ listen: URL_TEXT, tls: { cert: SECRET, key: SECRET } }, "tls", "no URL of listen begins with tls:"],
    [{ listen: URL_TEXT, unixMode: 0o660 }, "unixMode", "no URL of listen begins with unix:"],
  ]);
  await assertRefused("new Mob", (options) => new Mob(counting, options), [
    ...NO_OPTIONS,
    ...MOB_OPTIONS,
    [{ listen: URL_TEXT }, "option listen"],
    [{ adapter: counting }, "option adapter"],
  ]);
  await assertRefused("new Mob", (adapter) => new Mob(adapter), [
    [undefined, "adapter undefined"],
    [memoryAdapter, "adapter"],
    [{}, "adapter"],
  ]);
  assertEquals(listeners, 0);
});

test("a mob refuses what it cannot use, by name, and goes on", TIMEOUT, async () => {
  const adapter = memoryAdapter();
  await using mob = await serve({ adapter, listen: URL_TEXT });
  await assertRefused("mob.join", (options) => mob.join(options), [
    ...NO_OPTIONS,
    ...PEER_OPTIONS,
    [{ framing: "u64" }, "framing", "the framing of its mob"],
    [{ secret: SECRET }, "secret"],
  ]);
  await assertRefused("mob.listen", (url) => mob.listen(url), [
    [undefined, "listen on undefined"],
    [null, "listen on null"],
    [8000, "listen on 8000", "did you mean tcp://127.0.0.1:8000"],
    [[URL_TEXT], "listen on [object Array]"],
    ["127.0.0.1:0", "did you mean tcp://127.0.0.1:0"],
  ]);
  await assertRefused("mob.listen", (options) => mob.listen(URL_TEXT, options), [
    ...NO_OPTIONS,
    [{ framing: "u16" }, `framing "u16"`],
    [{ allow: "::1" }, `allow "::1"`],
    [{ secret: "" }, "secret (not shown)"],
    [{ maxLag: 1 }, "option maxLag"],
    [{ tls: { cert: "", key: "" } }, "tls", "is not over TLS"],
    [{ unixMode: 0o600 }, "unixMode 384", "is no Unix socket"],
    [{ alow: [] }, "option alow", "did you mean allow?"],
  ]);
  await assertRefused("mob.close", (options) => mob.close(options), [
    ...NO_OPTIONS,
    [{ drain: -1 }, "drain -1"],
    [{ drain: NaN }, "drain NaN"],
    [{ drain: "5s" }, `drain "5s"`],
    [{ drain: null }, "drain null"],
    [{ drain: 2 ** 31 }, "drain 2147483648"],
    [{ drian: 0 }, "option drian", "did you mean drain?"],
  ]);
  assertEquals([mob.urls.length, mob.connections().length], [1, 0]);
  assertEquals(await mob.listen(new URL("tcp://127.0.0.1:0")), "tcp://127.0.0.1:2");
});

test("connect refuses what it cannot use, by name, and connects to nothing", TIMEOUT, async () => {
  let calls = 0;
  const adapter = memoryAdapter();
  const counting = {
    ...adapter,
    connect: (...args: Parameters<typeof adapter.connect>) => (calls++, adapter.connect(...args)),
  };
  await using mob = await serve({ adapter, listen: URL_TEXT });
  const url = mob.urls[0]!;
  await assertRefused("connect", (given) => (connect as Anything)(given, { adapter: counting }), [
    [undefined, "connect to undefined"],
    [8000, "connect to 8000", "did you mean tcp://127.0.0.1:8000"],
    [[url], "connect to [object Array]"],
    [{ url }, "connect to [object Object]"],
  ]);
  const wrong: readonly (readonly [unknown, ...string[]])[] = [
    ...NO_OPTIONS.filter(([, says]) => says !== "option __proto__"),
    ...PEER_OPTIONS,
    ...ADAPTERS,
    ...TLS,
    [{ framing: "u65" }, `framing "u65"`],
    [{ secret: 1 }, "secret (not shown)"],
    [{ onJoin: () => {} }, "option onJoin"],
    [{ tls: {} }, "its URL does not begin with tls:"],
  ];
  const again: readonly (readonly [unknown, ...string[]])[] = [
    [null, "reconnect null"],
    ["yes", `reconnect "yes"`],
    [1, "reconnect 1"],
    [[], "reconnect [object Array]"],
    [{ retries: 3 }, "option reconnect.retries"],
    [{ attempts: 3 }, "option reconnect.attempts", "did you mean maxAttempts?"],
    [{ maxAttempts: 0 }, "reconnect.maxAttempts 0"],
    [{ maxAttempts: "3" }, `reconnect.maxAttempts "3"`],
    [{ minDelay: null }, "reconnect.minDelay null"],
    [{ maxDelay: 0.5 }, "reconnect.maxDelay 0.5"],
    [{ stableAfter: -1 }, "reconnect.stableAfter -1"],
    [{ retryInitial: "no" }, `reconnect.retryInitial "no"`],
    [{ random: 0.5 }, "reconnect.random 0.5"],
    [{ onChange: "x" }, `reconnect.onChange "x"`],
    [{ onGap: null }, "reconnect.onGap null"],
  ];
  const connectWith = (options: Anything): unknown =>
    Object.prototype.toString.call(options) === "[object Object]" && !Object.hasOwn(options, "adapter")
      ? connect(url, { adapter: counting, ...options })
      : connect(url, options);
  await assertRefused("connect", connectWith, wrong);
  await assertRefused("reconnect", (reconnect) => connect(url, { adapter: counting, reconnect }), again);
  // With `first` an error is a reason to try again, but not when it will be the same each time.
  const secret = "over the network, in the clear";
  await errorOf(
    "a secret in the clear",
    () =>
      connect("tcp://192.0.2.1:1", { adapter: counting, secret, reconnect: { retryInitial: true } }).catch(
        (error: Error) => {
          throw new TypeError(error.message);
        },
      ),
  );
  assertEquals(calls, 0);
  const client = await connect(new URL(url), { adapter: counting, reconnect: false });
  assert(client instanceof SocketClient);
  await client.close();
});

test("constructors and functions of the core refuse what they cannot use, by name", TIMEOUT, async () => {
  const framings = [
    ["u65", `framing "u65"`],
    ["toString", `framing "toString"`],
    [null, "framing null"],
  ] as const;
  await assertRefused("new FrameDecoder", (options) => new FrameDecoder(options), [
    ...NO_OPTIONS,
    ...framings.map(([framing, says]) => [{ framing }, says] as const),
    [{ maxFrame: "1" }, `maxFrame "1"`],
    [{ maxFrame: -1 }, "maxFrame -1"],
    [{ ownsChunks: 1 }, "ownsChunks 1"],
  ]);
  await assertRefused("new Log", (options) => new Log(options), [
    ...NO_OPTIONS,
    ...framings.map(([framing, says]) => [{ framing }, says] as const),
    [{ segmentSize: 0 }, "segmentSize 0"],
  ]);
  await assertRefused("new Slab", (options) => new Slab(options), [
    ...NO_OPTIONS,
    [undefined, "capacity undefined"],
    [{}, "capacity undefined"],
    [{ capacity: "1" }, `capacity "1"`],
  ]);
  await assertRefused("new SocketClient", (options) => new SocketClient(memoryAdapter(), "nobody", options), [
    ...NO_OPTIONS,
    ...PEER_OPTIONS,
  ]);
  await assertRefused("encodeFrame", (framing) => encodeFrame(framing, bytesOf("x")), framings);
  await assertRefused("encodeFrame", (payload) => encodeFrame("u64", payload), NO_PAYLOADS);
  await assertRefused("parseAddress", (url) => parseAddress(url), [[8000, "8000"], [null, "null"], [
    [URL_TEXT],
    "Array",
  ]]);
});

// --- payloads ---

/** What no payload is, and what it is called. */
const NO_PAYLOADS = [
  [undefined, "not undefined"],
  [null, "not null"],
  [42, "not number"],
  [42n, "not bigint"],
  [true, "not boolean"],
  [[104, 101, 300], "not Array"],
  [{ length: 3 }, "not Object"],
  [{ byteLength: 3 }, "not Object"],
  [Promise.resolve(bytesOf("x")), "not Promise"],
  [new Blob(["x"]), "not Blob"],
  [() => bytesOf("x"), "not function"],
  [Object.create(Uint8Array.prototype), "not "],
  ["half a \ud83d pair", "surrogate"],
] as const;

/** Bytes of a buffer that is larger. */
function part(text: string): Uint8Array {
  const bytes = bytesOf(`..${text}..`);
  return bytes.subarray(2, bytes.length - 2);
}

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
