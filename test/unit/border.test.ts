/** The boundary: whatever a caller hands in is checked, by name, before anything changes; in JavaScript too. */

import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { memoryAdapter } from "../../adapters/memory.ts";
import { connect, encodeFrame, Mob, serve } from "../../mod.ts";
import { FrameDecoder, Log, parseAddress, Slab } from "../../core.ts";
import { SocketClient } from "../../src/client/socket_client.ts";
import { bytesOf } from "../helpers/bytes.ts";
import {
  type Anything,
  assertRefused,
  errorOf,
  NO_OPTIONS,
  NO_PAYLOADS,
  SECRET,
  SIGNALS,
  TIMEOUT,
  URL_TEXT,
} from "../helpers/refusals.ts";

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
