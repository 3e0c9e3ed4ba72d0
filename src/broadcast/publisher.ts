/**
 * The publisher: decides the one order. It takes frames and appends them to every feed that is in use.
 *
 * @module
 */

import type { Uplink } from "../bus/uplink.ts";
import type { Numbering } from "../framing/hello.ts";
import { type FrameRules, type FramingName, FRAMINGS } from "../framing/framing.ts";
import { concatenate } from "../framing/receive_buffer.ts";
import { Feed } from "./feed.ts";
import type { FeedEvents } from "./feed_events.ts";
import type { FeedKind } from "./feed_kind.ts";
import type { Count, Subscriber } from "./subscriber.ts";
import type { BroadcastOptions } from "./options.ts";

/**
 * Appends frames verbatim, in one copy, to the feed of the sender's framing, and frame by frame to the other feeds. A
 * framing without connections costs nothing, unless there is a history. All feeds get the frames in one call, so they have the same frames in the
 * same order; a frame that a feed's framing cannot carry counts there as skipped.
 */
export class Publisher<Member extends Subscriber & { readonly feed: Feed<Member> }> implements Uplink<Member> {
  /** Everything that was published, in bytes of the default framing. */
  readonly published: Count = { frames: 0, bytes: 0 };
  /** How offsets count for connections that resume, the first way before the others; empty while nothing asks for it. */
  readonly numberings: Numbering[] = [];
  /** Bytes of all that was published on a bus and that the default framing carries: the end of its log, if it is kept. */
  carried = 0;
  /** The feeds, in the order in which they were made; the feed of the default framing comes first. */
  readonly feeds: Feed<Member>[] = [];

  readonly #options: BroadcastOptions;
  readonly #events: FeedEvents<Member>;
  readonly #default: FrameRules;

  /** Makes a publisher with one feed, of the default `framing`. */
  constructor(framing: FramingName, options: BroadcastOptions, events: FeedEvents<Member>) {
    this.#options = options;
    this.#events = events;
    this.#default = this.feed(framing).framing;
  }

  /** The feed of a framing or of another kind; makes it the first time. */
  feed(which: FramingName | FeedKind): Feed<Member> {
    const kind = typeof which === "string" ? { name: which, framing: FRAMINGS[which] } : which;
    let feed = this.feeds.find((each) => each.kind.name === kind.name);
    if (!feed) {
      feed = new Feed(kind, this.#options, this.#events);
      this.feeds.push(feed);
    }
    return feed;
  }

  /** Whether one connection of any feed is so far behind that none may be read from (`block`). */
  get backpressure(): boolean {
    for (const feed of this.feeds) if (feed.backpressure) return true;
    return false;
  }

  /** The log takes all that fits in a tick. */
  get holdsEnds(): false {
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
   * most. 1 while no other feed is in use.
   */
  growth(framing: FrameRules): number {
    let growth = 1;
    for (const feed of this.feeds) {
      if (!feed.isUsed) continue;
      growth = Math.max(growth, feed.growth / framing.size(1));
    }
    return growth;
  }

  /**
   * Publishes `count` whole frames. Returns how many bytes more than these the largest feed has got. Without a sender they
   * are in `framing`, which no feed of this mob need have.
   */
  publish(
    sender: Member | undefined,
    bytes: Uint8Array,
    start: number,
    end: number,
    count: number,
    framing: FrameRules = this.#default,
  ): number {
    const feed = sender?.feed ?? this.feeds.find((each) => each.framing === framing);
    const rules = feed?.framing ?? framing;
    const mark = feed ? this.#markOwn(sender, feed) : -1;
    // The feed of a sender has at least that sender.
    if (feed?.isUsed) feed.append(bytes, start, end, count);
    this.#published(rules, bytes, start, end, count);
    if (mark >= 0) this.#leaveOut(sender!, mark, count);
    return feed && this.feeds.length === 1 ? 0 : this.#publishToOthers(feed, rules, bytes, start, end, count);
  }

  /** Publishes one frame that came in pieces. Returns the same. */
  publishPieces(sender: Member, pieces: readonly Uint8Array[], length: number): number {
    const { feed } = sender;
    const mark = this.#markOwn(sender, feed);
    feed.appendPieces(pieces, length);
    // The first piece holds the header.
    this.published.frames++;
    this.published.bytes += this.#default.size(length - feed.framing.payloadAt(pieces[0]!, 0) - feed.framing.trailer);
    if (mark >= 0) this.#leaveOut(sender, mark, 1);
    const others = this.feeds.some((each) => each !== feed && each.isUsed);
    return others ? this.#publishToOthers(feed, feed.framing, concatenate(pieces, length), 0, length, 1) : 0;
  }

  /** Ends the units that logs collect: what is counted then is in the logs. */
  seal(): void {
    for (const feed of this.feeds) feed.seal();
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

  /** Something was missed: what was published before is no past of what comes. */
  forget(): void {
    // A unit that is being collected would go on behind it.
    this.seal();
    for (const { past, log } of this.feeds) past.since = log.end;
  }

  /** Drops the logs: no connection comes any more. */
  close(): void {
    for (const feed of this.feeds) {
      feed.past.bytes = 0;
      feed.log.clear();
    }
  }

  /** Counts what was published. */
  #published(framing: FrameRules, bytes: Uint8Array, start: number, end: number, count: number): void {
    this.published.frames += count;
    const isSame = framing === this.#default;
    const size = isSame ? end - start : sizeIn(this.#default, framing, bytes, start, end, count);
    this.published.bytes += size;
    // A line cannot carry everything. Only a bus asks for that.
    const isCarried = isSame || this.#default.trailer === 0;
    if (this.numberings.length > 0) {
      this.carried += isCarried ? size : sizeIn(this.#default, framing, bytes, start, end, count, true);
    }
  }

  /** Where the sender's own frames will begin in the log, when it does not receive them; -1: it does. */
  #markOwn(sender: Member | undefined, feed: Feed<Member>): number {
    if (!sender || this.#options.echo === "all") return -1;
    feed.seal();
    return feed.log.end;
  }

  #leaveOut(sender: Member, mark: number, count: number): void {
    const { feed } = sender;
    feed.seal();
    feed.leaveOut(sender, feed.log.end - mark, count);
  }

  #publishToOthers(
    own: Feed<Member> | undefined,
    framing: FrameRules,
    bytes: Uint8Array,
    start: number,
    end: number,
    count: number,
  ): number {
    let most = 0;
    for (const feed of this.feeds) {
      if (feed === own || !feed.isUsed) continue;
      if (feed.framing === framing) feed.append(bytes, start, end, count);
      else most = Math.max(most, feed.appendFrom(framing, bytes, start, end));
    }
    return Math.max(0, most - (end - start));
  }
}

/**
 * The bytes that `count` whole frames of one framing would have in another, which is fixed. `isStrict`: without those that the
 * other cannot carry.
 */
function sizeIn(
  other: FrameRules,
  framing: FrameRules,
  bytes: Uint8Array,
  start: number,
  end: number,
  count: number,
  isStrict = false,
): number {
  // Without a walk over the frames.
  if (framing.fixed && !isStrict) return end - start + count * (other.size(0) - framing.size(0));
  let size = 0;
  for (let at = start; at < end;) {
    const next = framing.end(bytes, at, end, end);
    const from = framing.payloadAt(bytes, at);
    const to = next - framing.trailer;
    if (!isStrict || other.carries(bytes, from, to)) size += other.size(to - from);
    at = next;
  }
  return size;
}
