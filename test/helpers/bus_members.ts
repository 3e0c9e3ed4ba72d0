/**
 * Members of a bus on a real NATS server.
 *
 * @module
 */

import { BusMember } from "./bus_member.ts";
import { type NatsServer, NO_NATS } from "./nats_server.ts";
import { meanwhile, pause } from "./wait.ts";

/** For all tests of it. */
export const WITH_NATS: { readonly skip: typeof NO_NATS; readonly timeout: number } = {
  skip: NO_NATS,
  timeout: 120_000,
};

/** Bytes. */
export const KiB = 1024;
export const MiB: number = 1024 * KiB;

/** Members that are closed when a test ends, also when it fails: its process would never end otherwise. */
export function closing<Members extends BusMember[]>(...members: Members): Members & AsyncDisposable {
  return Object.assign(members, {
    [Symbol.asyncDispose]: async () => {
      for (const member of members) await member[Symbol.asyncDispose]();
    },
  });
}

/** Two mobs. */
export async function pair(
  server: NatsServer,
  join: Parameters<typeof BusMember.join>[2] = {},
): Promise<[BusMember, BusMember] & AsyncDisposable> {
  return closing(await BusMember.join(1, server.url, join), await BusMember.join(2, server.url, join));
}

/** Both send, a batch every few milliseconds, until `done` has resolved. */
export function underLoad(members: readonly BusMember[], done: () => Promise<void>): Promise<void> {
  const load = async (): Promise<void> => {
    for (const member of members) member.say(200);
    await pause(5);
  };
  return meanwhile([load], done);
}

/** What a member was told as missing. */
export function gaps(member: BusMember): string[] {
  return member.heard.filter((name) => !name.includes("."));
}
