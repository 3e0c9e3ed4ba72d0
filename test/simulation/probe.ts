/**
 * The probe: the one place where the simulation looks into the core. The code under test stays as it ships: a few
 * methods are wrapped from outside, to record which connections join and leave, what is published and by which, what is sent
 * besides that, and to count look-ups and walks.
 *
 * @module
 */

import { Feed } from "../../src/broadcast/feed.ts";
import { Publisher } from "../../src/broadcast/publisher.ts";
import type { Connection } from "../../src/server/connection.ts";
import { Handshaker } from "../../src/server/handshaker.ts";
import { Lifecycle } from "../../src/server/lifecycle.ts";
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
  /** A connection begins to leave, with these last bytes. */
  leaving(token: Token, reason: string, ending: Uint8Array | undefined): void;
  /** A connection that has not joined is refused. */
  rejected(token: Token, reason: string): void;
  /** A client that has not joined is counted as refused for this reason. */
  turnedAway(reason: string): void;
  /** A connection is given a control frame. */
  control(token: Token, frame: Uint8Array): void;
  /** A feed ends the message that it collects. */
  sealed(feed: string): void;
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
Publisher.prototype.publish = function (sender, bytes, start, end, count, framing): number {
  probe?.published((sender as unknown as Connection | undefined)?.token, bytes, start, end, count);
  return publish.call(this, sender, bytes, start, end, count, framing);
};
Publisher.prototype.publishPieces = function (sender, pieces, length): number {
  probe?.publishedPieces((sender as unknown as Connection).token, pieces, length);
  return publishPieces.call(this, sender, pieces, length);
};

const { add, finish, giveControl, seal } = Feed.prototype;
Feed.prototype.add = function (member): void {
  probe?.joined((member as unknown as Connection).token);
  add.call(this, member);
};
Feed.prototype.finish = function (member, ending): void {
  finish.call(this, member, ending);
  const { token, closeReason } = member as unknown as Connection;
  probe?.leaving(token, closeReason!, ending);
};
Feed.prototype.giveControl = function (member, frame): void {
  probe?.control((member as unknown as Connection).token, frame);
  giveControl.call(this, member, frame);
};
Feed.prototype.seal = function (): void {
  seal.call(this);
  probe?.sealed(this.kind.name);
};

const { rejected: turnedAway } = Lifecycle.prototype;
Lifecycle.prototype.rejected = function (remoteAddress, reason, why, now): void {
  probe?.turnedAway(reason);
  turnedAway.call(this, remoteAddress, reason, why, now);
};

const { rejected } = Handshaker.prototype;
Handshaker.prototype.rejected = function (connection, reason, detail): void {
  probe?.rejected(connection.token, reason);
  rejected.call(this, connection, reason, detail);
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
