/** The memory of clients that do not read: each framing in use costs `maxLag` and a segment, and no more. */

import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { READABLE } from "../../src/contract/adapter.ts";
import { segmentSizeFor } from "../../src/broadcast/log.ts";
import { type Member, World } from "../helpers/scripted_server.ts";
import { packedRequest, upgradeRequest } from "../helpers/websocket_stream.ts";

const MAX_LAG = 256 * 1024;
const BOUND = MAX_LAG + segmentSizeFor(MAX_LAG);

for (const slowConsumer of ["disconnect", "skip", "block"] as const) {
  for (const kinds of [["tcp"], ["ws"], ["ws", "mobcast.u64"], ["tcp", "ws", "mobcast.u64"]]) {
    test(`${slowConsumer}: stuck clients of ${kinds.join(", ")} cost a log of each framing`, async () => {
      const world = await World.open({ slowConsumer, maxLag: MAX_LAG, maxFrame: 1000, pingInterval: 0 });
      const come = await world.listen("ws://127.0.0.1:0");
      const stuck = kinds.flatMap((kind) => [kind, kind]).map((kind): Member => {
        if (kind === "tcp") return world.join();
        const member = come();
        member.socket.incoming.push(kind === "ws" ? upgradeRequest() : packedRequest());
        world.ready(member.token, READABLE);
        world.run();
        return member;
      });
      // With the frame that it is given half of, one of each kind.
      stuck.forEach(({ socket }, index) => socket.room = index % 2 === 0 ? 0 : 37);
      const publish = (): void => {
        for (let count = 0; count < 16; count++) world.mob.publish("x".repeat(250));
        world.run();
      };
      let most = 0;
      for (let tick = 0; tick < 400; tick++) {
        publish();
        most = Math.max(most, world.mob.stats().logBytes);
      }
      // The feed of the mob's own framing has no connections but those.
      assert(most <= kinds.length * BOUND, `${most} bytes, ${kinds.length} times ${BOUND} are the bound`);
      assert(most > kinds.length * MAX_LAG * 0.8, `${most} bytes are less than they are behind`);
      const { closed, skipped, bufferedAmount } = world.mob.stats();
      assertEquals(
        [closed.lagged, skipped.frames > 0, bufferedAmount > 0],
        [slowConsumer === "disconnect" ? stuck.length : 0, slowConsumer === "skip", slowConsumer === "block"],
      );
      for (const { token } of stuck) world.mob.disconnect(token);
      world.run();
      assertEquals([world.mob.stats().connections, world.mob.stats().logBytes], [0, 0]);
    });
  }
}
