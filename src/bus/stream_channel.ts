/**
 * The channel over a stream of an engine: every mob appends its batches to one stream, and the sequence of the stream is the
 * order that all share.
 *
 * What came over the stream is judged when it is read, so that a batch that turns out to be broken can be taken back before
 * the next one is looked at.
 *
 * @module
 */

import { toHex } from "../bytes.ts";
import type { Adapter } from "../contract/adapter.ts";
import type { BusStream, StreamPosition, StreamTerms } from "../contract/bus_stream.ts";
import { Queue } from "../contract/queue.ts";
import type { Channel, ChannelEvents, ChannelGap, ChannelItem, ChannelStats } from "./channel.ts";
import { epochOf } from "./common_offsets.ts";
import { ENVELOPE, NODE_BYTES, type PlaceInLife, unwrap, wrap } from "./envelope.ts";
import { Flight } from "./flight.ts";
import { NodeFilter } from "./node_filter.ts";

/** The most bytes of a message: engines advise against larger ones. */
const MESSAGE = 512 * 1024;

/** What the largest frame may have around it in a batch. */
const BATCH_OVERHEAD = 1024;

/** The stream stops when so many bytes wait to be read, */
const MOST_WAITING = 8 * 2 ** 20;

/** and goes on when there are fewer than so many. */
const FEW_WAITING = 2 * 2 ** 20;

/** Bytes that a message costs beside its own. */
const MESSAGE_COST = 256;

/** A message of the stream. */
interface Message {
  readonly sequence: number;
  readonly bytes: Uint8Array;
}

/** What waits to be read. */
type Entry =
  | Message
  | { readonly from: number; readonly to: number }
  | { readonly restarted: string; readonly life: string };

/** The options of a {@link StreamChannel}. */
export interface StreamChannelOptions {
  /** Timers. */
  readonly clock: Pick<Adapter, "after">;
  /** Numbers from 0 to 1: they name the node, so no two mobs may draw the same. */
  readonly random: () => number;
}

/** A mob's place on a stream. */
export class StreamChannel implements Channel {
  readonly name: string;
  readonly #stream: BusStream;
  readonly #node: string;
  readonly #flight: Flight;
  readonly #queue: Queue<Entry> = new Queue();
  /** What of the queue costs memory, in bytes. */
  #waiting = 0;
  #paused = false;
  /** A message that is judged once more, behind the gap that it has shown. */
  #kept: Message | undefined;
  /** What came out of an answer, not out of the stream. */
  readonly #found: ChannelGap[] = [];
  #filter: NodeFilter;
  #terms: StreamTerms | undefined;
  #events: ChannelEvents | undefined;
  #isOpen = false;
  #isAway = false;
  /** Why the engine cannot be reached, and why it is of no use although it can. */
  #whyAway: string | undefined;
  #whyStuck: string | undefined;
  /** The number of the batch that was read last, when it claimed to be this mob's own. */
  #lastOwn: number | undefined;
  /** Where the last own batch lay, now and before the last message was read. */
  #previous: PlaceInLife | undefined;
  #previousBefore: PlaceInLife | undefined;
  /** The life of the stream. */
  #life = "";
  /** The number of the last batch that was written. */
  #written = 0;
  #sequence = 0;
  #restarts = 0;
  #repeated = 0;
  #refused = 0;

  constructor(stream: BusStream, options: StreamChannelOptions) {
    const { clock, random } = options;
    this.#stream = stream;
    this.name = stream.name;
    this.#node = toHex(Uint8Array.from({ length: NODE_BYTES }, () => Math.floor(random() * 256)));
    this.#filter = new NodeFilter(this.#node, MESSAGE);
    this.#flight = new Flight({
      stream,
      clock,
      random,
      node: this.#node,
      isBehind: () => this.#kept !== undefined || this.#queue.length > 0,
      pieceSize: () => Math.max(1, this.batchSize),
      message: (number, start, piece, isLast) => this.#message(number, start, piece, isLast),
      stuck: (isStuck) => this.#tellAway(this.#whyAway, isStuck ? "it stores nothing of what is sent" : undefined),
      lost: (piece, isLast) => this.#lost(piece, isLast),
    });
  }

  get batchSize(): number {
    return Math.min(this.#stream.maxMessage, MESSAGE) - ENVELOPE;
  }

  async open(events: ChannelEvents, terms: StreamTerms, history: number): Promise<StreamPosition> {
    this.#events = events;
    this.#terms = terms;
    this.#filter = new NodeFilter(this.#node, Math.max(MESSAGE, terms.maxFrame) + BATCH_OVERHEAD);
    const position = await this.#stream.open(
      {
        message: (sequence, bytes) => this.#push({ sequence, bytes }),
        missed: (from, to) => this.#push({ from, to }),
        restarted: (why, epoch) => {
          this.#flight.restartTold();
          this.#push({ restarted: why, life: epochOf(epoch) });
        },
        away: (why) => this.#setAway(why),
        back: () => this.#setAway(undefined),
      },
      terms,
      history,
    );
    this.#sequence = position.sequence;
    this.#life = epochOf(position.epoch);
    this.#filter.begin({ sequence: this.#sequence, life: this.#life });
    this.#isOpen = true;
    if (!this.#isAway) this.#flight.back();
    return position;
  }

  get writable(): boolean {
    return this.#isOpen && !this.#isAway && this.#flight.number === undefined;
  }

  write(number: number, bytes: Uint8Array): void {
    this.#written = number;
    this.#flight.write(number, bytes);
  }

  read(): ChannelItem | undefined {
    this.#lastOwn = undefined;
    this.#previousBefore = this.#previous;
    for (;;) {
      const found = this.#found.shift();
      if (found) return found;
      const entry = this.#next();
      if (!entry) return undefined;
      const item = "bytes" in entry
        ? this.#readMessage(entry.sequence, entry.bytes)
        : "from" in entry
        ? this.#readMissed(entry.from, entry.to)
        : this.#readRestart(entry.restarted, entry.life);
      if (item) return item;
    }
  }

  #next(): Entry | undefined {
    const kept = this.#kept;
    this.#kept = undefined;
    const entry = kept ?? this.#queue.shift();
    if (!entry || kept) return entry;
    this.#waiting -= cost(entry);
    if (this.#paused && this.#waiting < FEW_WAITING) {
      this.#paused = false;
      this.#stream.resume();
    }
    return entry;
  }

  refuse(): void {
    this.#refused++;
    this.#filter.takeBack();
    this.#previous = this.#previousBefore;
    if (this.#lastOwn !== undefined) this.#flight.refused();
    this.#lastOwn = undefined;
  }

  stats(): ChannelStats {
    return {
      sequence: this.#sequence,
      missedBatches: this.#filter.missed,
      restarts: this.#restarts,
      resent: this.#flight.resent,
      repeated: this.#repeated,
      refused: this.#refused,
    };
  }

  async close(): Promise<void> {
    this.#isOpen = false;
    this.#flight.close();
    this.#queue.clear();
    this.#kept = undefined;
    this.#waiting = 0;
    await this.#stream.close();
  }

  // --- from the stream ---

  #push(entry: Entry): void {
    const wasEmpty = this.#queue.length === 0;
    this.#queue.push(entry);
    this.#waiting += cost(entry);
    if (!this.#paused && this.#waiting > MOST_WAITING) {
      this.#paused = true;
      this.#stream.pause();
    }
    if (wasEmpty) this.#events!.wake();
  }

  #setAway(why: string | undefined): void {
    this.#isAway = why !== undefined;
    if (this.#isAway) this.#flight.away();
    else if (this.#isOpen) this.#flight.back();
    this.#tellAway(why, undefined);
    if (!this.#isAway) this.#events!.wake();
  }

  /** The engine cannot be reached, or it can and stores nothing: for people, both is the same. */
  #tellAway(whyAway: string | undefined, whyStuck: string | undefined): void {
    if (whyAway === this.#whyAway && whyStuck === this.#whyStuck) return;
    [this.#whyAway, this.#whyStuck] = [whyAway, whyStuck];
    this.#events!.away(whyAway ?? whyStuck);
  }

  // --- in the order of the stream ---

  #readMessage(sequence: number, bytes: Uint8Array): ChannelItem | undefined {
    this.#sequence = sequence;
    const item = this.#judge(sequence, bytes);
    this.#flight.read(sequence);
    return item;
  }

  #judge(sequence: number, bytes: Uint8Array): ChannelItem | undefined {
    const envelope = unwrap(bytes, this.#terms!.framing);
    const isOwn = envelope?.node === this.#node;
    // A batch of this mob that it has not sent yet is of another that uses its name.
    if (!envelope || (isOwn && envelope.number > this.#written)) {
      this.#refused++;
      return undefined;
    }
    const isLate = isOwn && envelope.number !== this.#flight.number;
    const verdict = this.#filter.judge(envelope, bytes.subarray(ENVELOPE), sequence);
    if (verdict === "repeated") this.#repeated++;
    else if (verdict === "too large") this.#refused++;
    else if (verdict === "unannounced") {
      this.#kept = { sequence, bytes };
      return gap("the stream has lost a batch after its mob had read it", undefined);
    } else if (verdict === "headless") return gap("a large batch has come without its beginning", 1);
    else if (verdict === "piece" && isOwn && !isLate) this.#flight.returned(this.#filter.ownStart);
    if (typeof verdict === "string") return undefined;
    const { sequence: at, offset, epoch } = envelope;
    const sentAt = epoch === undefined || isOwn ? undefined : { sequence: at, offset, epoch };
    const batch = { type: "batch", bytes: verdict, sequence, sentAt } as const;
    if (!isOwn) return { ...batch, own: undefined };
    this.#previous = { sequence, life: this.#life };
    if (isLate) return { ...batch, own: undefined, late: envelope.number };
    this.#flight.landed();
    this.#lastOwn = envelope.number;
    return { ...batch, own: envelope.number };
  }

  #readMissed(from: number, to: number): ChannelGap {
    this.#sequence = to - 1;
    this.#filter.loosen({ sequence: this.#sequence, life: this.#life });
    const own: number[] = [];
    this.#flight.missed(from, to);
    // What was missed of this mob's own belongs to this gap.
    for (const { own: numbers } of this.#found.splice(0)) own.push(...numbers);
    return { ...gap(`messages ${from} to ${to - 1} of the stream are gone`, to - from), own };
  }

  #readRestart(why: string, life: string): ChannelGap {
    this.#restarts++;
    // In a stream that has lost its end, what others say may be of what it had where this mob has read.
    this.#filter.loosen({ sequence: life === this.#life ? this.#sequence : 0, life });
    this.#sequence = 0;
    this.#life = life;
    this.#flight.restartRead();
    return { ...gap(why, undefined), restarted: true };
  }

  // --- to the stream ---

  #message(number: number, start: number, piece: Uint8Array, isLast: boolean): Uint8Array {
    const { sequence, offset, epoch } = this.#events!.here ?? NOWHERE;
    const envelope = { node: this.#node, number, sequence, offset, start, isLast, epoch, previous: this.#previous };
    return wrap(envelope, this.#terms!.framing, piece);
  }

  /** A piece of this mob's own is stored where messages are missing. It is the end of its batch, or counts as if it were back. */
  #lost(piece: Uint8Array, isLast: boolean): void {
    this.#filter.skipOwn(piece, isLast);
    if (!isLast) this.#flight.returned(this.#filter.ownStart);
    else {
      this.#found.push({ ...gap("a batch of this mob lies where messages are missing", 0), own: [this.#written] });
      this.#events!.wake();
    }
  }
}

/** What goes into an envelope when it is not known where the mob is. */
const NOWHERE = { sequence: 0, offset: 0, epoch: undefined };

function gap(why: string, batches: number | undefined): ChannelGap {
  return { type: "gap", why, batches, restarted: false, own: [] };
}

/** What an entry costs in memory, in bytes. */
function cost(entry: Entry): number {
  return MESSAGE_COST + ("bytes" in entry ? entry.bytes.length : 0);
}
