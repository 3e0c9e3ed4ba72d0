/**
 * The pull: reads a stream of NATS from one place on, a few messages at a time. The consumers of the client library mend
 * themselves, and stay stuck when the server that has them dies; this one ends at the first thing that is not in order.
 *
 * @module
 */

import type { JetStreamManager } from "@nats-io/jetstream";
import type { Msg, NatsConnection, Subscription } from "@nats-io/transport-node";
import { eventLoop } from "../shared/event_loop.ts";
import type { NatsLibrary } from "./library.ts";

/** How many messages are on their way at once: 16 MiB of the largest. */
const MESSAGES = 32;

/** After so many milliseconds without a message a server says that it is there. */
const HEARTBEAT = 1_000;

/** How often that is looked at. A process that was stopped counts one look, however long it was. */
const LOOK = 500;

/** How many looks may find nothing: two heartbeats and a half. */
const MOST_QUIET = 5;

/** How long one request for messages holds. */
const EXPIRES = 30_000;

/** After how long a server forgets a consumer that asks for nothing: the mob has no room, or is gone. */
const INACTIVE = 60_000;

/** How many consumers are made until one lies where it should: the server chooses by chance. */
const MOST_PLACES = 10;

const NANOSECONDS = 1e6;

/** Where a pull reads. */
export interface PullOptions {
  readonly library: NatsLibrary;
  readonly connection: NatsConnection;
  readonly manager: JetStreamManager;
  readonly stream: string;
  /** The sequence of the first message. */
  readonly from: number;
  /** The server in which the consumer should lie. Left out: in any that has the stream. */
  readonly at?: string | undefined;
  /** Gets each message. */
  message(sequence: number, bytes: Uint8Array): void;
  /** Nothing is on its way, and the consumer has gone on behind this message: those that did not come before are gone. */
  passed(sequence: number): void;
}

/** How a consumer did not hand out what the stream has. */
export type Staleness = "behind" | "other";

/** Why a pull has ended. */
export interface PullEnd {
  readonly why: string;
  /** Whether the server answers, so that another pull will do. */
  readonly isOrderly: boolean;
  /** Its consumer did not hand out what the stream has: it lagged behind, or had other messages. */
  readonly stale: Staleness | undefined;
}

/** Reads a stream. */
export class Pull {
  /** Resolves when it has ended. */
  readonly ended: Promise<PullEnd>;
  readonly #options: PullOptions;
  readonly #consumer: string;
  readonly #inbox: string;
  readonly #subscription: Subscription;
  #end!: (end: PullEnd) => void;
  #hasEnded = false;
  /** How many messages are asked for and have not come. */
  #left = 0;
  #delivered = 0;
  #paused: boolean;
  #quiet = 0;
  #stopLooking: () => void = () => {};

  private constructor(options: PullOptions, consumer: string, paused: boolean) {
    this.#options = options;
    this.#consumer = consumer;
    this.#paused = paused;
    this.ended = new Promise((resolve) => this.#end = resolve);
    const { connection, library } = options;
    this.#inbox = library.createInbox();
    this.#subscription = connection.subscribe(this.#inbox, {
      callback: (error, message) => error ? this.stop(error.message, false) : this.#take(message),
    });
    this.#look();
    this.#ask();
  }

  /** Makes a consumer in the server, and begins. */
  static async begin(options: PullOptions, paused: boolean): Promise<Pull> {
    const { library, manager, stream, from, at } = options;
    for (let places = 1;; places++) {
      const { name, cluster } = await manager.consumers.add(stream, {
        ack_policy: library.AckPolicy.None,
        deliver_policy: library.DeliverPolicy.StartSequence,
        opt_start_seq: from,
        inactive_threshold: INACTIVE * NANOSECONDS,
        mem_storage: true,
        num_replicas: 1,
      });
      if (at === undefined || cluster?.leader === at || places === MOST_PLACES) return new Pull(options, name, paused);
      await manager.consumers.delete(stream, name);
    }
  }

  /** Asks for no more. What was asked for comes. */
  pause(): void {
    this.#paused = true;
  }

  /** Goes on. */
  resume(): void {
    this.#paused = false;
    this.#ask();
  }

  /** Ends it. */
  stop(why: string, isOrderly: boolean, stale?: Staleness): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#stopLooking();
    this.#subscription.unsubscribe();
    this.#end({ why, isOrderly, stale });
  }

  /** Ends it, and lets the server forget the consumer. */
  async close(): Promise<void> {
    this.stop("it is closed", true);
    const { manager, stream } = this.#options;
    await manager.consumers.delete(stream, this.#consumer);
  }

  #ask(): void {
    if (this.#hasEnded || this.#paused || this.#left > 0) return;
    const { connection, stream } = this.#options;
    this.#left = MESSAGES;
    this.#quiet = 0;
    connection.publish(
      `$JS.API.CONSUMER.MSG.NEXT.${stream}.${this.#consumer}`,
      JSON.stringify({ batch: MESSAGES, expires: EXPIRES * NANOSECONDS, idle_heartbeat: HEARTBEAT * NANOSECONDS }),
      { reply: this.#inbox },
    );
  }

  #take(message: Msg): void {
    if (this.#hasEnded) return;
    this.#quiet = 0;
    const place = placeOf(message.reply);
    if (!place) return this.#takeStatus(message);
    // What is lost between the server and here makes a hole in the numbers of deliveries.
    if (place.delivered !== ++this.#delivered) return this.stop("messages were lost on their way", true);
    this.#left--;
    this.#options.message(place.sequence, message.data);
    this.#ask();
  }

  #takeStatus({ headers }: Msg): void {
    const code = headers?.code ?? 0;
    // A heartbeat.
    if (code === 100) {
      const isAllHere = Number(headers!.get("Nats-Last-Consumer")) === this.#delivered;
      if (isAllHere) this.#options.passed(Number(headers!.get("Nats-Last-Stream")));
      return;
    }
    // The request has ended with fewer messages than it asked for.
    if (code === 404 || code === 408) {
      this.#left = 0;
      return this.#ask();
    }
    this.stop(`NATS says ${code} ${headers?.description ?? ""}`.trim(), true);
  }

  #look(): void {
    this.#stopLooking = eventLoop.after(LOOK, () => {
      if (this.#left > 0 && ++this.#quiet > MOST_QUIET) this.stop("NATS is silent", false);
      else this.#look();
    });
  }
}

/** Where a message is in its stream, and which delivery of its consumer it is, as its reply subject says. */
function placeOf(reply: string | undefined): { readonly sequence: number; readonly delivered: number } | undefined {
  if (!reply?.startsWith("$JS.ACK.")) return undefined;
  const tokens = reply.split(".");
  // Stream, consumer, deliveries of this message, sequence, delivery, time, pending; newer servers put the domain and the
  // account before them.
  const at = tokens.length > 9 ? 7 : 5;
  return { sequence: Number(tokens[at]), delivered: Number(tokens[at + 1]) };
}
