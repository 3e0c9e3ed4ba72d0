/**
 * Scripts on the adapter of the runtime at hand, over loopback, with a client on `node:net`.
 *
 * @module
 */

import { runtimeAdapter } from "../../adapters/runtime.ts";
import type { NetworkAddress } from "../../src/contract/address.ts";
import { type RawClient, resetStorm } from "../helpers/raw_client.ts";
import { Stage } from "../helpers/stage.ts";
import { pause } from "../helpers/wait.ts";
import { overTcp } from "../helpers/plain_client.ts";
import type { Peer, Script, Step, Trace } from "./script.ts";
import { Watch } from "./watch.ts";

/** How long nothing must happen before we believe that nothing will. */
const QUIET_MS = 40;

/** How long we wait for the last event of a script. */
const LAST_MS = 3_000;

/** The notes of one run of the script. `ends` is whether it is known to come to an end, and is waited for. */
export async function traceOfRuntime(script: Script, ends: boolean): Promise<Trace> {
  const adapter = await runtimeAdapter();
  const stage = new Stage(adapter);
  const watch = new Watch(adapter, script.habits ?? {});
  const listener = await adapter.listen({ transport: "tcp", host: "127.0.0.1", port: 0 }, watch);
  const address = overTcp(listener.address);
  try {
    // A client that is dropped inside accept may see that before it is connected.
    const client = script.steps[0] === "storm" ? undefined : await stage.raw(address).catch(() => undefined);
    for (const step of script.steps) await take(step, address, watch, client);
    for (let waited = 0; ends && !watch.over && waited < LAST_MS; waited += QUIET_MS) await pause(QUIET_MS);
    await quiet(watch, client);
    return watch.trace(script.sent);
  } finally {
    watch.close();
    await listener.close();
    await stage.end();
  }
}

async function take(step: Step, address: NetworkAddress, watch: Watch, client: RawClient | undefined): Promise<void> {
  if (step === "quiet") return await quiet(watch, client);
  if (step === "storm") return await resetStorm(address, 1);
  if (step !== "fill" && "client" in step) return client === undefined ? undefined : step.client(asClient(client));
  for (let waited = 0; !watch.accepted && waited < LAST_MS; waited += 5) await pause(5);
  if (step !== "fill") return step.we(watch);
  watch.fill();
  await quiet(watch, client);
  watch.filled();
}

/** Waits until nothing happens at either end. On a busy machine, where a pause is late, what is to happen is late as well. */
async function quiet(watch: Watch, client: RawClient | undefined): Promise<void> {
  const all = (): number => watch.activity + (client?.received ?? 0) + (client?.socket.bytesRead ?? 0);
  const deadline = performance.now() + LAST_MS;
  for (let [before, late] = [-1, false]; before !== all() || (late && performance.now() < deadline);) {
    before = all();
    const began = performance.now();
    await pause(QUIET_MS);
    late = performance.now() - began > 1.5 * QUIET_MS;
  }
}

function asClient(raw: RawClient): Peer {
  let sent = raw.socket.bytesWritten;
  return {
    send(length) {
      raw.write(sent, length);
      sent += length;
    },
    end: () => void raw.socket.end(),
    reset: () => raw.reset(),
    close: () => void raw.socket.destroy(),
    read: () => raw.listen(),
  };
}
