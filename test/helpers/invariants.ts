/** Watches the connections of every mob in this process, so that their invariants can be checked after each tick. */

import { Slab } from "../../src/reactor/slab.ts";
import { brokenInvariant, Connection } from "../../src/server/connection.ts";
import type { Token } from "../../src/contract/token.ts";

const slabs = new Map<Slab<unknown>, Set<Token>>();

const { insert, remove } = Slab.prototype;
Slab.prototype.insert = function (make): Token | undefined {
  const token = insert.call(this, make);
  if (token !== undefined) {
    const tokens = slabs.get(this) ?? new Set();
    slabs.set(this, tokens.add(token));
  }
  return token;
};
Slab.prototype.remove = function (token): unknown {
  const tokens = slabs.get(this);
  if (tokens?.delete(token) && tokens.size === 0) slabs.delete(this);
  return remove.call(this, token);
};

/** What does not hold for one of the connections; `undefined` when all is well. Call it between ticks. */
export function brokenInvariants(): string | undefined {
  for (const [slab, tokens] of slabs) {
    for (const token of tokens) {
      const connection = slabGet.call(slab, token);
      const broken = connection instanceof Connection ? brokenInvariant(connection) : undefined;
      if (broken !== undefined) return broken;
    }
  }
  return undefined;
}

/** The look-up as it is, which no probe counts. */
const slabGet = Slab.prototype.get;

/** Forgets mobs that a test has left behind. */
export function forgetConnections(): void {
  slabs.clear();
}
