/** Clients over a WebSocket that a test drives by hand: how they open, what they send and receive. */

import { test } from "node:test";
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { memoryAdapter } from "../../adapters/memory.ts";
import { connect, type ConnectOptions, encodeFrame } from "../../mod.ts";
import { isWebSocketUrl, webSocketAddress } from "../../src/client/websocket_url.ts";
import { concat, frameOf, textsOf } from "../helpers/bytes.ts";
import { FakeWebSocket, withWebSocket } from "../helpers/fake_websocket.ts";
import { settle } from "../helpers/settle.ts";
import { rejection, within } from "../helpers/wait.ts";
import { MOB, newAdapter, TIMEOUT, withClient } from "../helpers/websocket_scene.ts";

// --- opening ---

test(
  "a WebSocket is asked for the subprotocol and binary messages",
  TIMEOUT,
  () =>
    withClient({}, async ({ socket, client }) => {
      assertEquals([socket.url, socket.protocols, socket.binaryType], [MOB, ["mobcast.u64"], "arraybuffer"]);
      assertEquals(client.state, "open");
      await Promise.resolve();
    }),
);

test("connect fails as UNREACHABLE when the WebSocket does not open, with what the runtime says", TIMEOUT, async () => {
  const refused = Object.assign(new Error("connect"), { code: "ECONNREFUSED" });
  const table: readonly (readonly [(socket: FakeWebSocket) => void, RegExp])[] = [
    [
      (socket) => socket.ends(1006),
      /^Cannot connect to ws:\S+: refused or not reachable, the runtime does not say why$/,
    ],
    [(socket) => socket.ends(1006, "", true), /refused or not reachable/],
    [
      (socket) => socket.onerror?.({ message: "Unexpected server response: 403" }),
      /: Unexpected server response: 403$/,
    ],
    [(socket) => socket.onerror?.({ error: new Error("non-101") }), /: non-101$/],
    [
      (socket) => socket.onerror?.({ error: new Error("x", { cause: refused }) }),
      /: connection refused \(ECONNREFUSED\)$/,
    ],
    [(socket) => socket.opens(""), /: the server does not speak mobcast\.u64, is it a mob\?$/],
    [(socket) => socket.opens("chat"), /: the server does not speak mobcast\.u64/],
  ];
  for (const [happens, says] of table) {
    await withWebSocket(async (made) => {
      const adapter = newAdapter();
      const connecting = rejection(connect(MOB, { adapter }), "connect");
      await settle(adapter);
      happens(made());
      const { code, message } = await connecting;
      assertEquals(code, "UNREACHABLE");
      assertMatch(message, says);
      const { onopen, onmessage, onerror, onclose } = made();
      assertEquals([onopen, onmessage, onerror, onclose], [null, null, null, null]);
      assertEquals(adapter.timers, 0);
    });
  }
});

test(
  "connect fails as UNREACHABLE when the constructor throws, as for ws: in a page of https:",
  TIMEOUT,
  () =>
    withWebSocket(async () => {
      FakeWebSocket.refuses = new Error("An insecure WebSocket connection may not be initiated");
      try {
        const { code, message } = await rejection(connect(MOB, { adapter: newAdapter() }), "connect");
        assertEquals([code, message], [
          "UNREACHABLE",
          `Cannot connect to ${MOB}: An insecure WebSocket connection may not be initiated`,
        ]);
      } finally {
        FakeWebSocket.refuses = undefined;
      }
    }),
);

test("connect over a WebSocket ends at connectTimeout and when its signal aborts, and closes it", TIMEOUT, async () => {
  await withWebSocket(async (made) => {
    const adapter = newAdapter();
    const connecting = rejection(connect(MOB, { adapter, connectTimeout: 200 }), "connect");
    await settle(adapter);
    adapter.advance(300);
    assertEquals((await connecting).code, "TIMED_OUT");
    assertEquals([made().closes.length, made().onopen], [1, null]);
  });
  await withWebSocket(async (made) => {
    const adapter = newAdapter();
    const controller = new AbortController();
    const connecting = rejection(connect(MOB, { adapter, signal: controller.signal }), "connect");
    await settle(adapter);
    controller.abort(new Error("enough"));
    assertEquals((await connecting).message, "enough");
    assertEquals([made().closes.length, adapter.timers], [1, 0]);
  });
});

test("without a WebSocket connect says what to use", TIMEOUT, async () => {
  await withWebSocket(async () => {
    const error = await rejection(
      connect(MOB, { adapter: newAdapter(), reconnect: { retryInitial: true } }),
      "connect",
    );
    assert(error instanceof TypeError);
    assertEquals(
      error.message,
      `Cannot connect to ${MOB}: this runtime has no WebSocket, use tcp:// or tls://, or Node 22, Bun or Deno`,
    );
  }, null);
  const { message } = await rejection(connect(MOB, { adapter: memoryAdapter() }), "connect");
  assertEquals(message, `Cannot connect to ${MOB}: the memory adapter has no WebSocket, use tcp://`);
});

// --- URLs and options ---

test("ws: URLs are kept as they are, and what does not go with them is refused by name", TIMEOUT, async () => {
  for (const url of [MOB, "WSS://example.com", "ws://[::1]:8080/a/b?room=1", "ws://localhost/?framing=u64"]) {
    assert(isWebSocketUrl(url), url);
    assertEquals(webSocketAddress(url, {}), { transport: "websocket", url });
  }
  for (const url of ["tcp://127.0.0.1:8000", "https://example.com/", "unix:ws", "wsx://a"]) {
    assert(!isWebSocketUrl(url));
  }
  const tls = { ca: "not to be shown" };
  const wrong: readonly (readonly [string, ConnectOptions, RegExp])[] = [
    ["ws:8080", {}, /a WebSocket URL looks like/],
    ["ws://", {}, /a WebSocket URL looks like/],
    ["ws://a:99999/", {}, /a WebSocket URL looks like/],
    ["ws://me:secret@a/", {}, /leave out the user and the #fragment/],
    ["ws://a/#here", {}, /leave out the user and the #fragment/],
    [MOB, { framing: "line" }, /the framing is u64, leave framing out/],
    ["ws://127.0.0.1/?framing=line", {}, /the framing is u64/],
    ["wss://127.0.0.1/?framing=u644", {}, /the framing is u64/],
    ["wss://example.com/", { tls }, /no WebSocket takes tls, .*NODE_EXTRA_CA_CERTS.* or use tls:\/\/$/],
    ["ws://example.com/", { secret: "not to be shown" }, /in the clear, use wss:\/\/ or connect to loopback$/],
    ["ws://127.0.0.1.example.com/", { secret: "not to be shown" }, /in the clear/],
    [MOB, { secret: "" }, /secret/],
    [MOB, { maxFrame: 0 }, /maxFrame 0/],
  ];
  await withWebSocket(async () => {
    for (const [url, options, says] of wrong) {
      const { message } = await rejection(connect(url, options), url);
      assertMatch(message, says);
      assertMatch(message, /^Cannot /);
      assert(!message.includes("not to be shown"), message);
    }
    assertEquals(FakeWebSocket.made, []);
  });
  for (const host of ["localhost", "LOCALHOST", "127.0.0.1", "127.1", "[::1]", "[0:0::1]"]) {
    webSocketAddress(`ws://${host}:1/`, { secret: "s" });
  }
  webSocketAddress("wss://example.com/", { secret: "s" });
});

test(
  "the secret is the first message, and a ping is an empty frame",
  TIMEOUT,
  () =>
    withClient({ secret: "s3cret", ping: 1000 }, async ({ socket, client, pass }) => {
      await client.send("hello");
      await pass(0);
      assertEquals(textsOf(concat(...socket.sent)), ["s3cret", "hello"]);
      await pass(1400);
      assertEquals(textsOf(concat(...socket.sent)), ["s3cret", "hello", ""]);
    }),
);

// --- sending ---

test(
  "what is sent in one tick goes as one message, up to 65,535 bytes",
  TIMEOUT,
  () =>
    withClient({}, async ({ socket, client, pass }) => {
      for (const text of ["one", "two", "three"]) await client.send(text);
      await pass(0);
      assertEquals(socket.sent.map((message) => textsOf(message)), [["one", "two", "three"]]);
      const payload = new Uint8Array(150_000).map((_, index) => index);
      await client.send(payload);
      await pass(0);
      assertEquals(socket.sent.slice(1).map(({ length }) => length), [65_535, 65_535, 18_938]);
      assertEquals(concat(...socket.sent.slice(1)), encodeFrame("u64", payload));
    }),
);

test(
  "a full WebSocket takes no more until it has sent half, is looked at now and then, and no longer when all is sent",
  TIMEOUT,
  () =>
    withClient({}, async ({ socket, client, adapter, pass }) => {
      const payload = new Uint8Array(100_000);
      const sends = Array.from({ length: 20 }, () => client.send(payload));
      let resolved = 0;
      for (const send of sends) void send.then(() => resolved++);
      await pass(0);
      const full = socket.waiting;
      assert(full >= 256 * 1024 && full < 256 * 1024 + 65_536, `${full} bytes`);
      assert(resolved < 10, `${resolved} resolved`);
      assert(client.bufferedAmount > 1_000_000);

      const before = socket.looks;
      await pass(1000);
      assertEquals(socket.waiting, full);
      assert(socket.looks - before < 50, `${socket.looks - before} looks in a second`);
      assertEquals(adapter.timers, 1);

      socket.waiting = 128 * 1024 + 1;
      await pass(200);
      assertEquals(socket.waiting, 128 * 1024 + 1);
      for (let round = 0; round < 100 && (socket.waiting > 0 || resolved < 20); round++) {
        socket.waiting = 0;
        await pass(70);
      }
      assertEquals(resolved, 20);
      assertEquals(concat(...socket.sent).length, 20 * 100_008);
      socket.waiting = 0;
      await pass(70);
      assertEquals([adapter.timers, client.bufferedAmount], [0, 0]);
    }),
);

// --- receiving ---

test(
  "messages are pieces of one stream, wherever they are cut",
  TIMEOUT,
  () =>
    withClient({}, async ({ socket, client, pass }) => {
      const stream = concat(frameOf("one"), frameOf(""), frameOf("two"), frameOf("three"));
      for (let cut = 0; cut <= stream.length; cut++) {
        socket.receives(stream.subarray(0, cut));
        socket.receives(stream.subarray(cut));
        await pass(0);
        const texts = client.text();
        const received: string[] = [];
        for (let index = 0; index < 3; index++) received.push((await within(texts.next(), "a message")).value!);
        assertEquals(received, ["one", "two", "three"], `cut at ${cut}`);
      }
    }),
);

test(
  "a client that is not read is ended as LAGGED at 16 MiB, and what came until then can be taken",
  TIMEOUT,
  () =>
    withClient({}, async ({ socket, client, pass }) => {
      const frame = encodeFrame("u64", new Uint8Array(2 ** 20 - 8));
      for (let count = 0; count < 40 && client.state === "open"; count++) {
        socket.receives(frame);
        await pass(0);
      }
      const { reason, error } = await within(client.closed, "the end");
      assertEquals(reason, "lagged");
      assertEquals(
        error!.message,
        `Cannot read from ${MOB}: over 16 MiB waited to be read while this client was behind, messages may be missing`,
      );
      assertEquals([socket.closes.length, socket.onmessage], [1, null]);
      let count = 0;
      await assertRejects(
        async () => {
          for await (const _ of client) count++;
        },
        Error,
        "16 MiB",
      );
      assert(count >= 16 && count <= 19, `${count} messages`);
    }),
);

test("a client that is read in time, or drops what it receives, is not ended", TIMEOUT, async () => {
  const frame = encodeFrame("u64", new Uint8Array(2 ** 20 - 8));
  await withClient({}, async ({ socket, client, pass }) => {
    const messages = client[Symbol.asyncIterator]();
    for (let count = 0; count < 40; count++) {
      socket.receives(frame);
      await pass(0);
      await messages.next();
    }
    assertEquals(client.state, "open");
  });
  await withClient({ receive: false }, async ({ socket, client, pass }) => {
    for (let count = 0; count < 40; count++) {
      socket.receives(frame);
      await pass(0);
    }
    assertEquals(client.state, "open");
  });
});

test("text on the stream ends the client", TIMEOUT, () =>
  withClient({}, async ({ socket, client, pass }) => {
    socket.receives("text");
    await pass(0);
    const { error } = await within(client.closed, "the end");
    assertMatch(error!.message, /: the server sent text, before/);
  }));
