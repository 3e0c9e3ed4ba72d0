/**
 * The publisher: decides the one order. It takes frames and appends them to every feed that has connections.
 *
 * @module
 */

import type { Relay } from "../bus/relay.ts";
import { type Framing, type FramingName, overhead } from "../framing/framing.ts";
import { concatenate } from "../framing/receive_buffer.ts";
import { Feed, type FeedEvents } from "./feed.ts";
import type { Count, Subscriber } from "./subscriber.ts";
import type { BroadcastOptions } from "./options.ts";

/**
 * Appends frames verbatim, in one copy, to the feed of the sender's framing, and frame by frame to the other feeds. A
 * framing without connections costs nothing. All feeds get the frames in one call, so they have the same frames in the
 * same order; a frame that a feed's framing cannot carry counts there as skipped.
 */
export class Publisher<Member extends Subscriber & { readonly feed: Feed<Member> }> implements Relay<Member> {
  /** Everything that was published, in bytes of the default framing. */
  readonly published: Count = { frames: 0, bytes: 0 };
  /** The feeds, in the order in which they were made; the feed of the default framing comes first. */
  readonly feeds: Feed<Member>[] = [];

  readonly #options: BroadcastOptions;
  readonly #events: FeedEvents<Member>;
  readonly #defaultOverhead: number;

  /** Makes a publisher with one feed, of the default `framing`. */
  constructor(framing: FramingName, options: BroadcastOptions, events: FeedEvents<Member>) {
    this.#options = options;
    this.#events = events;
    this.#defaultOverhead = overhead(this.feed(framing).framing);
  }

  /** The feed of a framing; makes it the first time. */
  feed(framing: FramingName): Feed<Member> {
    let feed = this.feeds.find((each) => each.framing.name === framing);
    if (!feed) {
      feed = new Feed(framing, this.#options, this.#events);
      this.feeds.push(feed);
    }
    return feed;
  }

  /** Whether one connection of any feed is so far behind that none may be read from (`block`). */
  get backpressure(): boolean {
    for (const feed of this.feeds) if (feed.backpressure) return true;
    return false;
  }

  /** Calls of `write` on sockets. */
  get writes(): number {
    return this.feeds.reduce((sum, feed) => sum + feed.writes, 0);
  }

  /** Bytes of memory that the logs hold. */
  get retainedBytes(): number {
    return this.feeds.reduce((sum, feed) => sum + feed.log.retainedBytes, 0);
  }

  /**
   * The most bytes that the largest feed may get for one byte of frames in `framing`; a payload of one byte grows the
   * most. 1 while no other feed has connections.
   */
  growth(framing: Framing): number {
    let growth = 1;
    for (const feed of this.feeds) {
      if (feed.subscribers === 0) continue;
      growth = Math.max(growth, (1 + overhead(feed.framing)) / (1 + overhead(framing)));
    }
    return growth;
  }

  /** Publishes `count` whole frames. Returns how many bytes more than these the largest feed has got. */
  publish(sender: Member | undefined, bytes: Uint8Array, start: number, end: number, count: number): number {
    const feed = sender?.feed ?? this.feeds[0]!;
    // The feed of a sender has at least that sender.
    if (feed.subscribers > 0) feed.append(bytes, start, end, count);
    this.#published(sender, feed, end - start, count);
    return this.feeds.length === 1 ? 0 : this.#publishToOthers(feed, bytes, start, end);
  }

  /** Publishes one frame that came in pieces. Returns the same. */
  publishPieces(sender: Member, pieces: readonly Uint8Array[], length: number): number {
    const { feed } = sender;
    feed.appendPieces(pieces, length);
    this.#published(sender, feed, length, 1);
    const others = this.feeds.some((each) => each !== feed && each.subscribers > 0);
    return others ? this.#publishToOthers(feed, concatenate(pieces, length), 0, length) : 0;
  }

  // --- the end of a tick ---

  /** Writes what is pending to each connection whose socket takes bytes. */
  flush(): void {
    for (const feed of this.feeds) feed.flush();
  }

  /** Applies the slow-consumer policy. Returns the connections that must be removed. */
  overLimit(): readonly Member[] {
    return this.feeds.length === 1 ? this.feeds[0]!.overLimit() : this.feeds.flatMap((feed) => feed.overLimit());
  }

  /** Trims the logs, and sets or ends back-pressure. */
  settle(): void {
    for (const feed of this.feeds) feed.settle();
  }

  #published(sender: Member | undefined, feed: Feed<Member>, bytes: number, count: number): void {
    this.published.frames += count;
    this.published.bytes += bytes + count * (this.#defaultOverhead - overhead(feed.framing));
    if (sender && this.#options.echo === "others") feed.leaveOut(sender, bytes, count);
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
