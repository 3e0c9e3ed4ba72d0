/**
 * Rule 2: callbacks record, ticks act.
 *
 * @module
 */

import { assert, assertEquals, assertLess } from "@std/assert";
import { LONGEST } from "../helpers/pattern.ts";
import type { Link } from "../helpers/recording_registry.ts";
import { nextTick, pause } from "../helpers/wait.ts";
import type { Cases } from "./cases.ts";

/** Registers the cases. */
export function rule2({ check, transport }: Cases): void {
  check("rule 2: defer runs each function once, later, and in order", async (stage) => {
    const { adapter, bell } = stage;
    const ran: string[] = [];
    let inside = true;
    const tick = (name: string) => (): void => {
      assert(!inside, `${name} ran inside the call of defer`);
      ran.push(name);
      bell.ring();
    };
    adapter.defer(tick("first"));
    adapter.defer(tick("second"));
    inside = false;
    await bell.until(() => ran.length === 2, "both ticks");
    inside = true;
    adapter.defer(tick("third"));
    inside = false;
    await bell.until(() => ran.length === 3, "the third tick");
    await pause(50);
    assertEquals(ran, ["first", "second", "third"]);
  });

  check("rule 2: what a tick defers runs in a later tick", async (stage) => {
    const { adapter, bell } = stage;
    let depth = 0;
    let ticks = 0;
    const tick = (): void => {
      assertEquals(depth, 0, "a tick inside a tick");
      depth++;
      if (++ticks < 3) adapter.defer(tick);
      depth--;
      bell.ring();
    };
    adapter.defer(tick);
    await bell.until(() => ticks === 3, "three ticks");
  });

  check("rule 2: one tick gets the events of many sockets", async (stage) => {
    const connections = 64;
    const { address, registry } = await stage.listener();
    const clients: Link[] = [];
    for (let index = 0; index < connections; index++) clients.push(await stage.connect(address));
    await registry.accepted(connections);
    await nextTick();
    // As Poll does: the first event arms a tick, and the tick takes what has come until then.
    const batches: number[] = [];
    let batch = 0;
    registry.onReady = () => {
      if (batch++ > 0) return;
      stage.adapter.defer(() => {
        batches.push(batch);
        batch = 0;
        stage.bell.ring();
      });
    };
    for (const client of clients) void client.writePattern(1);
    const reported = (): number => batches.reduce((sum, size) => sum + size, 0);
    await stage.bell.until(() => reported() >= connections, () => `ticks with ${connections} events, have ${batches}`);
    assertLess(batches.length, connections / 4, `ticks of ${batches} events`);
  });

  // Only here: what the kernel holds for a stuck client is little on a Unix socket, and megabytes on others.
  if (transport.name === "unix") {
    check("rule 2: ticks go on while many clients do not read", async (stage) => {
      const connections = 200;
      const { address, registry } = await stage.listener();
      for (let index = 0; index < connections; index++) await stage.connect(address);
      await registry.accepted(connections);
      let ticks = 0;
      const tick = (): void => {
        if (ticks++ === 0) { for (const server of registry.links) server.write(LONGEST, LONGEST); }
        if (ticks < 4) stage.adapter.defer(tick);
        stage.bell.ring();
      };
      stage.adapter.defer(tick);
      await stage.bell.until(() => ticks === 4, () => `four ticks, have ${ticks}`);
    });
  }
}
