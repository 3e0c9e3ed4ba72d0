/**
 * The probe: the one place where the simulation looks into the core. The code under test stays as it ships: five methods
 * are wrapped from outside, to record which connections join, what is published and by which, and to count look-ups and
 * walks.
 *
 * @module
 */

import { Feed } from "../../src/broadcast/feed.ts";
import { Publisher } from "../../src/broadcast/publisher.ts";
import type { Connection } from "../../src/server/connection.ts";
import { Slab } from "../../src/reactor/slab.ts";
import type { Token } from "../../src/contract/token.ts";

/** What is reported and counted. */
export interface Probe {
  /** A connection joins. */
  joined(token: Token): void;
  /** Frames are being published, by a connection or by the application. */
  published(token: Token | undefined, bytes: Uint8Array, start: number, end: number, count: number): void;
  /** One frame that came in pieces is being published. */
  publishedPieces(token: Token, pieces: readonly Uint8Array[], length: number): void;
  /** Look-ups in the slab. */
  lookups: number;
  /** Walks over all connections. */
  walks: number;
}

/** The current listener: runs come one after another. */
let probe: Probe | undefined;

/** From now on `listener` is called. */
export function listenToCore(listener: Probe | undefined): void {
  probe = listener;
}

const { publish, publishPieces } = Publisher.prototype;
Publisher.prototype.publish = function (sender, bytes, start, end, count): number {
  probe?.published((sender as unknown as Connection | undefined)?.token, bytes, start, end, count);
  return publish.call(this, sender, bytes, start, end, count);
};
Publisher.prototype.publishPieces = function (sender, pieces, length): number {
  probe?.publishedPieces((sender as unknown as Connection).token, pieces, length);
  return publishPieces.call(this, sender, pieces, length);
};

const { add } = Feed.prototype;
Feed.prototype.add = function (member): void {
  probe?.joined((member as unknown as Connection).token);
  add.call(this, member);
};

const { get, values } = Slab.prototype;
Slab.prototype.get = function (token): unknown {
  if (probe !== undefined) probe.lookups++;
  return get.call(this, token);
};
Slab.prototype.values = function (): IterableIterator<unknown> {
  if (probe !== undefined) probe.walks++;
  return values.call(this);
};
