/**
 * A scripted mob with a shared secret.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { READABLE } from "../../src/contract/adapter.ts";
import type { MobOptions } from "../../src/server/options.ts";
import { type Member, World } from "./scripted_server.ts";

/** The secret of the mob. */
export const SECRET = "open sesame, 開けゴマ";

/** Opens a mob with the secret. */
export function open(options: MobOptions = {}): Promise<World> {
  return World.open({ secret: SECRET, ...options });
}

/** An incoming connection's socket gets some bytes, and the tick runs. */
export function come(world: World, { socket, token }: Member, ...chunks: (Uint8Array | null)[]): void {
  socket.incoming.push(...chunks);
  world.ready(token, READABLE);
  world.run();
}

/** How many clients there are: with the secret, without it yet, that have joined so far, and that were refused. */
export function population({ mob }: World): number[] {
  const { connections, unauthenticated: unauthenticated, joined, closed: left } = mob.stats();
  assertEquals(connections, mob.connections().length);
  return [connections, unauthenticated, joined, left.unauthorized];
}
