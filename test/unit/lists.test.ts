/** Lists: none of a mob is longer after a thousand connections have come and gone than before the first. */

import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { memoryAdapter } from "../../adapters/memory.ts";
import { AccessList } from "../../src/admission/access_list.ts";
import { Admission } from "../../src/admission/admission.ts";
import type { Registry, Socket } from "../../src/contract/adapter.ts";
import { parseAddress } from "../../src/contract/address.ts";
import { tokenOf } from "../../src/contract/token.ts";
import { encodeFrame } from "../../src/framing/framing.ts";
import { Mob } from "../../src/server/mob.ts";
import { listsOf } from "../helpers/lists.ts";

const COMERS = 1000;

const SECRET = encodeFrame("u64", "secret");
const FRAME = encodeFrame("u64", "x".repeat(100));

/** What a connection does before it is gone; `undefined`: it never leaves by itself. */
const VISITS: readonly ((socket: Socket) => void)[] = [
  (socket) => void socket.shutdown(),
  (socket) => void socket.write(encodeFrame("u64", "wrong!")),
  (socket) => {
    socket.write(SECRET.subarray(0, 9));
    socket.close();
  },
  // Never the whole secret.
  (socket) => void socket.write(SECRET.subarray(0, 9)),
  (socket) => {
    socket.write(SECRET);
    socket.write(FRAME);
    socket.shutdown();
  },
  // Half a frame, and nothing more.
  (socket) => {
    socket.write(SECRET);
    socket.write(FRAME.subarray(0, 50));
  },
  // Over its rate, and gone in the middle of a frame.
  (socket) => {
    socket.write(SECRET);
    for (let count = 0; count < 20; count++) socket.write(FRAME);
    socket.write(FRAME.subarray(0, 50));
    socket.close();
  },
  // Sends and reads nothing: it is stuck, with own frames between those of others.
  (socket) => {
    socket.write(SECRET);
    for (let count = 0; count < 8; count++) socket.write(FRAME);
  },
  (socket) => {
    socket.write(SECRET);
    socket.write(encodeFrame("u64", "y".repeat(2000)));
  },
  // Silent.
  (socket) => void socket.write(SECRET),
];

for (const slowConsumer of ["disconnect", "block"] as const) {
  test(`a mob holds nothing of a thousand connections that have come and gone, however they went: ${slowConsumer}`, async () => {
    let handshakes = 0;
    const fates = [undefined, "fails", "hangs"] as const;
    const adapter = memoryAdapter({
      manual: true,
      capacity: 2000,
      faults: { handshake: () => fates[handshakes++ % fates.length] },
    });
    let joined = 0;
    let left = 0;
    const { made: { mob, urls }, sizes } = await listsOf(async () => {
      const mob = new Mob(adapter, {
        secret: "secret",
        echo: "others",
        slowConsumer,
        maxConnections: 40,
        maxConnectionsPerAddress: 15,
        maxFrameRate: 10,
        maxByteRate: 5000,
        maxFrame: 1000,
        maxLag: 4000,
        maxReceiveMemory: 3000,
        idleTimeout: 5000,
        frameTimeout: 2000,
        stallTimeout: 3000,
        onJoin: () => void joined++,
        onLeave: () => void left++,
      });
      const tls = { cert: "of the memory adapter", key: "none" };
      return { mob, urls: [await mob.listen("tcp://127.0.0.1:0"), await mob.listen("tls://127.0.0.1:0", { tls })] };
    });
    const visit = async (count: number): Promise<void> => {
      for (let at = 0; at < count; at++) {
        let socket: Socket | undefined;
        const registry: Registry = {
          accept: (accepted) => {
            socket = accepted;
            return tokenOf(0, 1);
          },
          ready: () => {},
          acceptFailed: () => Promise.resolve(),
        };
        await adapter.connect(parseAddress(urls[at % 5 === 4 ? 1 : 0]!), registry);
        adapter.run();
        VISITS[at % VISITS.length]!(socket!);
        adapter.run();
        if (at % 20 === 19) adapter.advance(1000);
      }
      adapter.advance(60_000);
    };
    await visit(100);
    const { connections, unauthenticated, handshakes: underWay } = mob.stats();
    assertEquals([connections, unauthenticated, underWay], [0, 0, 0]);
    const before = sizes();
    // Otherwise nothing is looked at.
    assert(Object.keys(before).length > 15, Object.keys(before).join(", "));
    await visit(COMERS);
    assertEquals(sizes(), before);
    assertEquals([left, mob.stats().receiveBytes, adapter.timers], [joined, 0, 0]);
    const { closed } = mob.stats();
    // Otherwise a way out was not gone.
    const ways = [
      "end",
      "frame-timeout",
      "frame-too-large",
      "handshake-failed",
      "idle",
      "lagged",
      "refused",
      "reset",
      "stalled",
      "unauthorized",
    ] as const;
    for (const reason of ways) {
      assert(closed[reason] > 0 || (reason === "lagged" && slowConsumer === "block"), reason);
    }
    void mob.close({ drain: 0 });
    adapter.run();
  });
}

test("Admission holds no address when its last connection is gone", async () => {
  const { made: admission, sizes } = await listsOf(() =>
    new Admission({ maxConnections: 10, maxConnectionsPerAddress: 2 }, undefined)
  );
  const lists = new AccessList([], []);
  for (let at = 0; at < COMERS; at++) {
    const address = `10.0.${at >> 8}.${at & 255}:${1000 + at}`;
    assertEquals([admission.enter(address, lists), admission.handshakeStarted(address, lists)], [undefined, undefined]);
    assertEquals(admission.enter(address, lists), "maxConnectionsPerAddress 2");
    admission.leave(address);
    admission.handshakeOver(address);
  }
  assertEquals(Object.values(sizes()), [0, 0]);
});
