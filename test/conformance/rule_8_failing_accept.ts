/**
 * Rule 8: a failing accept never ends the listener.
 *
 * @module
 */

import { formatHostPort, type NetworkAddress } from "../../src/contract/address.ts";
import { resetStorm } from "../helpers/raw_client.ts";
import { FINAL } from "../helpers/recording_registry.ts";
import type { Listener, Stage } from "../helpers/stage.ts";
import type { Cases } from "./cases.ts";

/** Registers the cases. */
export function rule8({ checkReset }: Cases): void {
  /** Fails unless a new connection is served, and every earlier connection that has gone had a final event. */
  const assertOpen = async (stage: Stage, { address, registry }: Listener): Promise<void> => {
    const client = await stage.raw(address);
    const name = formatHostPort("127.0.0.1", client.port);
    await stage.bell.until(
      () => registry.links.some((link) => link.socket.remoteAddress === name),
      "an incoming connection after them",
    );
    const live = registry.links.find((link) => link.socket.remoteAddress === name)!;
    client.write(0, 1000);
    await live.readPattern(1000);
    const others = registry.links.filter((link) => link !== live);
    // A reset may look like an end, and then it takes ours as well (rule 6).
    for (const link of others) {
      await link.readToEnd();
      link.socket.shutdown();
    }
    await stage.bell.until(() => others.every((link) => link.count(FINAL) === 1), "a final event for all that came");
  };

  checkReset(
    "rule 8: 200 incoming connections that reset before they are accepted leave the listener open",
    async (stage) => {
      const listener = await stage.listener();
      await resetStorm(listener.address as NetworkAddress, 200);
      await assertOpen(stage, listener);
    },
  );

  checkReset("rule 8: 200 incoming connections that reset at once leave the listener open", async (stage) => {
    const listener = await stage.listener();
    for (let batch = 0; batch < 10; batch++) {
      await Promise.all(Array.from({ length: 20 }, async () => (await stage.raw(listener.address)).reset()));
    }
    await assertOpen(stage, listener);
  });
}
