/**
 * Rule 9: what cannot be done is refused.
 *
 * @module
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Stage } from "../helpers/stage.ts";
import { pause, rejection } from "../helpers/wait.ts";
import { type Cases, plainServer, portOf, refused } from "./cases.ts";

/** Registers the cases. */
export function rule9({ check, checkRaw, checkRawNetwork, transport }: Cases): void {
  check("rule 9: an address in use is refused with EADDRINUSE", async (stage) => {
    const { address } = await stage.listener();
    const refused = await rejection(stage.adapter.listen(address, stage.recorder()), "listening twice");
    assertEquals(refused.code, "EADDRINUSE");
    // The first listener is still open.
    await stage.connect(address);
  });

  checkRawNetwork("rule 9: an address that another server uses is refused with EADDRINUSE", async (stage) => {
    const server = await plainServer();
    try {
      const address = transport.address("127.0.0.1", portOf(server));
      const refused = await rejection(stage.adapter.listen(address, stage.recorder()), "listening twice");
      assertEquals(refused.code, "EADDRINUSE");
    } finally {
      server.close();
    }
  });

  checkRawNetwork("rule 9: another server cannot use the address of an open listener", async (stage) => {
    const { address } = await stage.listener();
    assertEquals((await rejection(plainServer(portOf(address)), "a plain server")).code, "EADDRINUSE");
  });

  checkRawNetwork(
    "rule 9: an unknown host is refused with a code, to listen and to connect",
    async (stage) => {
      const address = transport.address("no-such-host.invalid", 0);
      const listening = await rejection(stage.adapter.listen(address, stage.recorder()), "listening nowhere");
      assertMatch(listening.code ?? "no code", /^E[A-Z_]+$/, listening.message);
      const connecting = await rejection(
        stage.adapter.connect(transport.address("no-such-host.invalid", 1), stage.recorder()),
        "connecting nowhere",
      );
      assertMatch(connecting.code ?? "no code", /^E[A-Z_]+$/, connecting.message);
    },
  );

  check("rule 9: connecting where nothing listens is refused with a code", async (stage) => {
    const { address, listener } = await stage.listener();
    await listener.close();
    await refused(stage, address);
  });

  /** Fails unless a connect with this signal, aborted by `abort` after the call, rejects and leaves nothing. */
  const assertAborts = async (stage: Stage, signal: AbortSignal, abort: () => void): Promise<void> => {
    const { address, registry } = await stage.listener();
    const client = stage.recorder();
    const connecting = rejection(stage.adapter.connect(address, client, { signal }), "an aborted connect");
    abort();
    assert(await connecting === signal.reason, "connect rejects with the reason of the signal");
    await pause(50);
    assertEquals(client.links.length, 0, "connections of an aborted connect");
    for (const link of registry.links) await link.readToEnd();
  };

  check("rule 9: a signal that has aborted already makes connect reject, and leaves nothing", async (stage) => {
    await assertAborts(stage, AbortSignal.abort(new Error("enough")), () => {});
    await assertAborts(stage, AbortSignal.abort(), () => {});
  });

  checkRaw("rule 9: a signal that aborts meanwhile makes connect reject, and leaves nothing", async (stage) => {
    for (const reason of [new Error("enough"), undefined]) {
      const controller = new AbortController();
      await assertAborts(stage, controller.signal, () => controller.abort(reason));
    }
  });

  check("rule 9: a signal is left alone when connect has settled, and may abort then", async (stage) => {
    const { address, registry } = await stage.listener();
    const { address: closed, listener } = await stage.listener();
    await listener.close();
    const controller = new AbortController();
    const { signal } = controller;
    const listeners: Set<unknown> = new Set();
    const { addEventListener, removeEventListener } = signal;
    signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
      listeners.add(args[1]);
      addEventListener.apply(signal, args);
    };
    signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => {
      listeners.delete(args[1]);
      removeEventListener.apply(signal, args);
    };
    await rejection(stage.adapter.connect(closed, stage.recorder(), { signal }), "connecting to a closed listener");
    assertEquals(listeners.size, 0, "listeners left on the signal by a connect that failed");
    const client = await stage.connect(address, { signal });
    assertEquals(listeners.size, 0, "listeners left on the signal by a connect that succeeded");
    const server = await registry.accepted();
    controller.abort();
    await pause(20);
    await Promise.all([server.writePattern(1000), client.readPattern(1000)]);
  });
}
