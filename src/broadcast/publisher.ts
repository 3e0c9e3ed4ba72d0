/**
 * The publisher: decides the one order. It takes frames and appends them to every feed that has connections.
 *
 * @module
 */

import type { Relay } from "../bus/relay.ts";
import { type Framing, type FramingName, overhead } from "../framing/framing.ts";
import { concatenate } from "../framing/receive_buffer.ts";
import { type Count, Feed, type FeedEvents, type Subscriber } from "./feed.ts";
import type { BroadcastOptions } from "./options.ts";


/**
 * One log for each framing in use. A run of frames goes verbatim, in one copy, to the feed of its sender's framing, and
 * frame by frame to the other feeds. A framing without connections costs nothing. All of it happens in one call, so
 * every feed has the same frames in the same order; a frame that a feed's framing cannot carry counts there as skipped.
 */
export class Publisher<Member extends Subscriber & { readonly feed: Feed<Member> }> implements Relay<Member> {
  /** What was ever published, in bytes of the default framing. */
  readonly published: Count = { frames: 0, bytes: 0 };
  /** The feeds in the order in which they were first asked for; that of the default framing comes first. */
  readonly feeds: Feed<Member>[] = [];

  readonly #options: BroadcastOptions;
  readonly #events: FeedEvents<Member>;
  readonly #defaultOverhead: number;

  /** Makes a publisher with one feed, that of `framing`. */
  constructor(framing: FramingName, options: BroadcastOptions, events: FeedEvents<Member>) {
    this.#options = options;
    this.#events = events;
    this.#defaultOverhead = overhead(this.feed(framing).framing);
  }

  /** The feed of a framing, made when it is first asked for. */
  feed(framing: FramingName): Feed<Member> {
    let feed = this.feeds.find((each) => each.framing.name === framing);
    if (feed === undefined) {
      feed = new Feed(framing, this.#options, this.#events);
      this.feeds.push(feed);
    }
    return feed;
  }

  /** Whether no connection may be read from, because of one's lag in any feed (`block`). */
  get backpressure(): boolean {
    for (const feed of this.feeds) if (feed.backpressure) return true;
    return false;
  }

  /** Writes asked of sockets. */
  get writes(): number {
    return this.feeds.reduce((sum, feed) => sum + feed.writes, 0);
  }

  /** Bytes of memory that the logs hold. */
  get retainedBytes(): number {
    return this.feeds.reduce((sum, feed) => sum + feed.log.retainedBytes, 0);
  }

  /**
   * How many bytes the largest feed may get for one byte of frames in `framing`, at the worst: a frame of one byte grows
   * the most. 1 while no other feed has connections.
   */
  growth(framing: Framing): number {
    let growth = 1;
    for (const feed of this.feeds) {
      if (feed.subscribers === 0) continue;
      growth = Math.max(growth, (1 + overhead(feed.framing)) / (1 + overhead(framing)));
    }
    return growth;
  }

  /** Publishes a run of whole frames. Returns by how many bytes the largest feed has grown beyond their own. */
  publish(sender: Member, bytes: Uint8Array, start: number, end: number, count: number): number {
    const { feed } = sender;
    feed.append(bytes, start, end, count);
    this.#published(sender, end - start, count);
    return this.feeds.length === 1 ? 0 : this.#publishToOthers(feed, bytes, start, end);
  }

  /** Publishes one frame that came in pieces. Returns the same. */
  publishPieces(sender: Member, pieces: readonly Uint8Array[], length: number): number {
    const { feed } = sender;
    feed.appendPieces(pieces, length);
    this.#published(sender, length, 1);
    const others = this.feeds.some((each) => each !== feed && each.subscribers > 0);
    return others ? this.#publishToOthers(feed, concatenate(pieces, length), 0, length) : 0;
  }

  // --- the end of a tick ---

  /** Gives each connection whose socket takes bytes what is new to it. */
  flush(): void {
    for (const feed of this.feeds) feed.flush();
  }

  /** Applies the slow-consumer policy. Returns the connections that must go. */
  overLimit(): readonly Member[] {
    return this.feeds.length === 1 ? this.feeds[0]!.overLimit() : this.feeds.flatMap((feed) => feed.overLimit());
  }

  /** Frees what every connection has, and sets or ends back-pressure. */
  settle(): void {
    for (const feed of this.feeds) feed.settle();
  }

  #published(sender: Member, bytes: number, count: number): void {
    const { feed } = sender;
    this.published.frames += count;
    this.published.bytes += bytes + count * (this.#defaultOverhead - overhead(feed.framing));
    if (this.#options.echo === "others") feed.leaveOut(sender, bytes, count);
  }

  #publishToOthers(own: Feed<Member>, bytes: Uint8Array, start: number, end: number): number {
    let most = 0;
    for (const feed of this.feeds) {
      if (feed === own || feed.subscribers === 0) continue;
      most = Math.max(most, feed.appendFrom(own.framing, bytes, start, end));
    }
    return Math.max(0, most - (end - start));
  }
}
