/** Clients over a WebSocket that a test drives by hand: how they end, and with what. */

import { test } from "node:test";
import { assertEquals, assertMatch } from "@std/assert";
import { connect } from "../../mod.ts";
import { browserAdapter } from "../../adapters/browser.ts";
import { bytesOf, concat, frameOf, textsOf } from "../helpers/bytes.ts";
import { FakeWebSocket, withWebSocket } from "../helpers/fake_websocket.ts";
import { settle } from "../helpers/settle.ts";
import { asked, rejection, within } from "../helpers/wait.ts";
import { MOB, newAdapter, TIMEOUT, withClient } from "../helpers/websocket_scene.ts";

// --- ends ---

test("each close code of a mob has its reason and error", TIMEOUT, async () => {
  const table: readonly (readonly [number, string, string, string | undefined, RegExp])[] = [
    [1000, "", "ended", undefined, /^$/],
    [1001, "shutdown", "ended", undefined, /^$/],
    [1005, "", "ended", undefined, /^$/],
    [1002, "garbled", "lost", "LOST", /the mob closed the connection \(1002, garbled\)$/],
    [1003, "", "lost", "LOST", /\(1003\)$/],
    [1006, "", "lost", "LOST", /connection lost$/],
    [1007, "", "lost", "LOST", /\(1007\)$/],
    [1008, "unauthorized", "refused", "REFUSED", /the mob refused this client \(1008, unauthorized\)$/],
    [
      1009,
      "a message is over maxFrame",
      "lost",
      "FRAME_TOO_LARGE",
      /a frame is over the mob's maxFrame \(1009, a message is/,
    ],
    [1011, "internal", "lost", "LOST", /the mob closed the connection \(1011, internal\)$/],
    [1012, "", "lost", "LOST", /\(1012\)$/],
    [1013, "full", "refused", "REFUSED", /the mob has no room now \(1013, full\)$/],
    [4000, "a proxy", "lost", "LOST", /\(4000, a proxy\)$/],
  ];
  for (const [close, text, reason, code, says] of table) {
    await withClient({}, async ({ adapter, socket, client, pass }) => {
      socket.receives(frameOf("hello"));
      await pass(2000);
      socket.ends(close, text);
      await pass(0);
      const end = await within(client.closed, `${close}`);
      assertEquals([end.reason, end.error?.code], [reason, code], `${close}`);
      assertMatch(end.error?.message ?? "", says);
      assertEquals((await client.text().next()).value, "hello");
      assertEquals(adapter.timers, 0);
    });
  }
});

test(
  "an end without a close frame before anything was received is REFUSED, and inside a frame never in order",
  TIMEOUT,
  async () => {
    await withClient({}, async ({ socket, client, pass }) => {
      socket.ends(1006);
      await pass(0);
      assertEquals(
        (await client.closed).error!.message,
        `Cannot read from ${MOB}: connection lost, before anything was received`,
      );
      assertEquals((await client.closed).reason, "refused");
    });
    await withClient({}, async ({ socket, client, pass }) => {
      socket.receives(frameOf("hello").subarray(0, 10));
      await pass(2000);
      socket.ends(1001);
      await pass(0);
      assertEquals((await client.closed).reason, "lost");
      assertMatch((await client.closed).error!.message, /ended inside a frame$/);
    });
  },
);

test(
  "close sends everything, then code 1000, and has delivered when the mob answers with it",
  TIMEOUT,
  () =>
    withClient({}, async ({ adapter, socket, client, pass }) => {
      await client.send("the last words");
      const closing = client.close();
      await pass(200);
      assertEquals([textsOf(concat(...socket.sent)), socket.closes], [["the last words"], []]);
      socket.waiting = 0;
      await pass(70);
      assertEquals([socket.closes, client.state], [[1000], "closing"]);
      socket.ends(1000);
      await pass(0);
      assertEquals(await closing, { reason: "closed" });
      assertEquals([adapter.timers, client.error], [0, undefined]);
    }),
);

test("close says what was not delivered: the mob was first, the connection broke, nothing moved", TIMEOUT, async () => {
  const ends: readonly (readonly [boolean, (socket: FakeWebSocket) => void, RegExp])[] = [
    [true, (socket) => socket.ends(1001, "shutdown"), /: the mob closed the connection \(1001, shutdown\)/],
    [true, (socket) => socket.ends(1009), /: a frame is over the mob's maxFrame \(1009\)/],
    [true, (socket) => socket.ends(1006), /connection lost$/],
    [true, () => {}, /nothing moved any more/],
    [false, (socket) => socket.ends(1000), /the mob has closed the connection \(1000\)$/],
    [false, (socket) => socket.ends(1001), /the mob has closed the connection \(1001\)$/],
    [false, (socket) => socket.ends(1006), /connection lost$/],
    [false, () => {}, /nothing moved any more/],
  ];
  for (const [sent, happens, says] of ends) {
    await withClient({ closeTimeout: 5000 }, async ({ adapter, socket, client, pass }) => {
      await client.send("the last words");
      const closing = client.close();
      await pass(0);
      if (sent) socket.waiting = 0;
      await pass(200);
      assertEquals(socket.closes, sent ? [1000] : []);
      happens(socket);
      await pass(7000);
      const { reason, error } = await within(closing, "close");
      assertEquals(reason, "undelivered");
      assertMatch(error!.message, says);
      assertEquals(adapter.timers, 0);
    });
  }
});

test(
  "a client that has sent nothing closes at once, and has lost nothing",
  TIMEOUT,
  () =>
    withClient({}, async ({ socket, client, pass }) => {
      const closing = client.close();
      await pass(0);
      assertEquals(socket.closes, [1000]);
      socket.ends(1006);
      await pass(0);
      assertEquals(await closing, { reason: "closed" });
    }),
);

test("a signal that aborts drops the WebSocket, with what waits in it", TIMEOUT, async () => {
  const controller = new AbortController();
  await withClient({ signal: controller.signal }, async ({ adapter, socket, client, pass }) => {
    await client.send(new Uint8Array(1_000_000));
    await pass(0);
    controller.abort();
    assertEquals((await client.closed).reason, "aborted");
    assertEquals([socket.closes.length, socket.onclose, adapter.timers], [1, null, 0]);
  });
});

test(
  "a reconnecting client opens another WebSocket, and sends over it what waited",
  TIMEOUT,
  () =>
    withWebSocket(async (made) => {
      const adapter = newAdapter();
      const changes: string[] = [];
      const onChange = ({ kind }: { kind: string }): void => void changes.push(kind);
      const connecting = connect(MOB, { adapter, reconnect: { minDelay: 10, random: () => 1, onChange } });
      await settle(adapter);
      made().opens();
      const client = await connecting;
      await settle(adapter);
      made().ends(1001);
      await settle(adapter);
      assertEquals([client.state, FakeWebSocket.made.length], ["connecting", 1]);
      const sending = client.send("still here");
      adapter.advance(10);
      await settle(adapter);
      made().ends(1006);
      await settle(adapter);
      adapter.advance(20);
      await settle(adapter);
      made().opens();
      await settle(adapter);
      await within(sending, "send");
      await settle(adapter);
      assertEquals(FakeWebSocket.made.length, 3);
      assertEquals(textsOf(concat(...made().sent)), ["still here"]);
      assertEquals(changes, ["connected", "lost", "waiting", "waiting", "reconnected"]);
      const closing = client.close();
      await settle(adapter);
      made().waiting = 0;
      adapter.advance(100);
      await settle(adapter);
      made().ends(1000);
      await settle(adapter);
      assertEquals(await within(closing, "close"), { reason: "closed" });
    }),
);

// --- the adapter of pages ---

test(
  "the adapter of pages runs ticks in order, in a task of its own, and has neither TCP nor listeners",
  TIMEOUT,
  async () => {
    const adapter = browserAdapter();
    const order: string[] = [];
    adapter.defer(() => {
      order.push("one");
      adapter.defer(() => order.push("three"));
    });
    adapter.defer(() => order.push("two"));
    await Promise.resolve();
    assertEquals(order, []);
    await asked(() => order.length, (count) => count === 3);
    assertEquals(order, ["one", "two", "three"]);
    const cancel = adapter.after(1, () => order.push("never"));
    cancel();
    await new Promise<void>((resolve) => void adapter.after(5, resolve));
    assertEquals(order.length, 3);
    const address = { transport: "tcp", host: "127.0.0.1", port: 1 } as const;
    const registry = { accept: () => undefined, ready: () => {}, acceptFailed: () => Promise.resolve() };
    assertMatch((await rejection(adapter.connect(address, registry), "connect")).message, /a page has only WebSockets/);
    assertMatch((await rejection(adapter.listen(address, registry), "listen")).message, /a page has only WebSockets/);
    assertEquals(bytesOf("").length, 0);
  },
);
