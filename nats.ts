/**
 * A bus on NATS JetStream: mobs on several machines, one order. Needs the packages `@nats-io/transport-node` and
 * `@nats-io/jetstream`, which are not installed with mobcast.
 *
 * @module
 */

import { loadNats } from "./adapters/nats/library.ts";
import { checkNatsOptions, checkServers, type NatsOptions } from "./adapters/nats/options.ts";
import { NatsStream } from "./adapters/nats/stream.ts";
import { eventLoop } from "./adapters/shared/event_loop.ts";
import { busRelay } from "./src/bus/bus.ts";
import type { Relay } from "./src/bus/relay.ts";
import { StreamChannel } from "./src/bus/stream_channel.ts";

/**
 * Makes a relay that joins a mob to all others of the same name, for the option `relay` of `serve` and `Mob`. What any of
 * them receives goes to the connections of all, in one order, each frame once. One relay is for one mob.
 *
 * The servers are reached when the mob opens: that fails when no server answers, when one refuses the credentials, or when
 * the stream of that name is of mobs with another framing, `maxFrame` or other options than those given. Later the mob tries
 * for ever, and says so in `stats().bus` and in its log.
 *
 * Throws a `TypeError` or a `RangeError` for an option that cannot be used, and an `Error` with the command that installs
 * them when the packages are missing.
 *
 * @param servers URLs of servers of one cluster: `nats://host:4222`, `tls://host`.
 * @param options The name of the bus, what its stream is made with, and credentials.
 *
 * @example
 * ```ts
 * import { serve } from "mobcast";
 * import { natsRelay } from "mobcast/nats";
 *
 * const relay = await natsRelay(["nats://127.0.0.1:4222", "nats://127.0.0.1:4223"], { name: "room" });
 * try {
 *   await using mob = await serve({ listen: "tcp://127.0.0.1:0", relay });
 *   console.log(mob.stats().bus?.state); // joined
 * } catch (error) {
 *   console.log((error as Error).message); // Cannot join bus room: connection refused
 * }
 * ```
 */
export async function natsRelay(servers: string | readonly string[], options: NatsOptions): Promise<Relay> {
  const urls = checkServers(servers);
  const checked = checkNatsOptions(options);
  const stream = new NatsStream(await loadNats(), urls, checked);
  return busRelay(new StreamChannel(stream, { clock: eventLoop, random }));
}

/** Mobs name themselves by chance, so it is the best there is. */
function random(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0]! / 2 ** 32;
}

export type { NatsOptions, NatsTls } from "./adapters/nats/options.ts";
export type { Relay } from "./src/bus/relay.ts";
