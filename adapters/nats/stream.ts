/**
 * The stream of a bus on NATS JetStream.
 *
 * The client library reconnects by itself, but it does not say that a stream is another one than before, it waits for answers
 * that will never come, and its consumers stay stuck when their server dies. So everything that waits for an answer ends with
 * the connection, and before each new pull the stream is looked at: whether it is the one that was read, to where that was.
 *
 * @module
 */

import type { JetStreamClient, JetStreamManager, StreamInfo } from "@nats-io/jetstream";
import type { NatsConnection } from "@nats-io/transport-node";
import type { BusStream, StreamPosition, StreamReader, StreamTerms } from "../../src/contract/bus_stream.ts";
import { describe } from "../../src/errors.ts";
import { eventLoop, pause } from "../shared/event_loop.ts";
import { withWords } from "../tls/certificate_words.ts";
import { inWords, isInUse, isMissing, NO_ANSWER, NO_LEADER } from "./answers.ts";
import type { NatsLibrary } from "./library.ts";
import { connectionOptions, type NatsOptions } from "./options.ts";
import { Pull, type PullEnd, type Staleness } from "./pull.ts";
import { Reading, startOf } from "./reading.ts";
import { checkStream, newStream, streamOf, type StreamShape, subjectOf } from "./terms.ts";
import { Watch } from "./watch.ts";

/** What the headers of a message need, in bytes: they count for `max_payload`. */
const HEADERS = 256;

/** What a server takes when it does not say. */
const MAX_PAYLOAD = 2 ** 20;

/** The least that a server must take, in bytes. */
const LEAST_PAYLOAD = 1024;

/** How long an answer is waited for, in milliseconds. */
const ANSWER = 2_000;

/** How long a mob waits before it tries again, in milliseconds; twice as long at most. */
const PAUSE = 100;

/** How long closing waits for the server to forget the consumer, and for the connection to close. */
const FAREWELL = 300;

/** How often servers of a cluster are asked again when their stream is not what was read, and how long that is apart. */
const MOST_DOUBTS = 6;
const DOUBT = 500;

/** A connection, and what is done with it. */
interface Link {
  readonly connection: NatsConnection;
  readonly manager: JetStreamManager;
  readonly client: JetStreamClient;
}

/** A stream of NATS. */
export class NatsStream implements BusStream {
  readonly name: string;
  readonly #library: NatsLibrary;
  readonly #servers: readonly string[];
  readonly #options: NatsOptions;
  readonly #stream: string;
  #reader!: StreamReader;
  #terms!: StreamTerms;
  #link: Link | undefined;
  #pull: Pull | undefined;
  /** Whether the client library is connected. */
  #isConnected = false;
  /** What ends with the connection. */
  readonly #waiting: Set<(error: Error) => void> = new Set();
  /** Called when the connection is there again, or will never be. */
  #turned: () => void = () => {};
  /** Counts pulls, and looks at the stream: only the last pull counts. */
  #round = 0;
  #isPaused = false;
  #isAway = false;
  #isClosed = false;
  readonly #reading: Reading = new Reading();
  /** Whether several servers have the stream. */
  #isReplicated = false;

  constructor(library: NatsLibrary, servers: readonly string[], options: NatsOptions) {
    this.#library = library;
    this.#servers = servers;
    this.#options = options;
    this.name = options.name;
    this.#stream = streamOf(options.name);
  }

  get maxMessage(): number {
    return (this.#link?.connection.info?.max_payload ?? MAX_PAYLOAD) - HEADERS;
  }

  async open(reader: StreamReader, terms: StreamTerms, history: number): Promise<StreamPosition> {
    this.#reader = reader;
    this.#terms = terms;
    try {
      await this.#connect();
      const info = await this.#findLed();
      checkStream(info.config as StreamShape, this.#options, terms);
      this.#isReplicated = info.config.num_replicas > 1;
      this.#reading.open(info, startOf(info, history));
      const position = { sequence: this.#reading.sequence, epoch: this.#lifeOf(info), last: info.state.last_seq };
      void this.#run(await this.#begin());
      return position;
    } catch (error) {
      await this.close();
      const { name, message } = error as Error;
      if (message.startsWith("Cannot ")) throw error;
      // Where a server asks for a certificate, it may say nothing to those without one.
      const cause = name === "TimeoutError" ? new Error(NO_ANSWER, { cause: error }) : error;
      throw describe(`Cannot join bus ${this.name}`, withWords(cause as Error));
    }
  }

  async append(message: Uint8Array, id: string): Promise<number> {
    if (!this.#link || !this.#isConnected) throw new Error("NATS is not connected");
    if (message.length > this.maxMessage) throw new Error("the message is larger than NATS takes now");
    const options = { msgID: id, timeout: ANSWER };
    const { stream, seq } = await this.#answer(this.#link.client.publish(subjectOf(this.name), message, options));
    if (stream !== this.#stream) throw new Error(`stream ${stream} has the subject of this bus`);
    return seq;
  }

  pause(): void {
    this.#isPaused = true;
    this.#pull?.pause();
  }

  resume(): void {
    this.#isPaused = false;
    this.#pull?.resume();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const farewell = this.#isConnected ? this.#pull?.close() : undefined;
    await Promise.race([farewell?.catch(() => {}), pause(FAREWELL)]);
    this.#cut("it is closed");
    // It writes once more, which a server that stands still may never take.
    const closed = this.#link?.connection.close();
    await Promise.race([closed?.catch(() => {}), pause(FAREWELL)]);
    this.#turned();
  }

  // --- the connection ---

  async #connect(): Promise<void> {
    const library = this.#library;
    const connection = await library.connect(connectionOptions(library, this.#servers, this.#options));
    const manager = await library.jetstreamManager(connection, { checkAPI: false, timeout: ANSWER });
    this.#link = { connection, manager, client: library.jetstream(connection, { timeout: ANSWER }) };
    this.#isConnected = true;
    void this.#follow(connection);
    void connection.closed().then(() => this.#cut("NATS has closed the connection"));
    if (this.#isClosed) await connection.close();
    const { max_payload = MAX_PAYLOAD } = connection.info ?? {};
    if (max_payload < LEAST_PAYLOAD) {
      throw new Error(
        `NATS takes messages of ${max_payload} bytes, raise its max_payload to ${LEAST_PAYLOAD} at least`,
      );
    }
  }

  async #follow(connection: NatsConnection): Promise<void> {
    for await (const status of connection.status()) {
      if (status.type === "disconnect") this.#cut(`the connection to ${status.server} is lost`);
      if (status.type === "reconnect") {
        this.#isConnected = true;
        this.#turned();
      }
    }
  }

  /** The connection is lost: what waits for an answer will have none. */
  #cut(why: string): void {
    this.#isConnected = false;
    this.#leave(why);
    this.#pull?.stop(why, false);
    for (const reject of this.#waiting) reject(new Error(why));
    this.#turned();
  }

  /** An answer, or an error as soon as the connection is lost. */
  async #answer<Value>(answer: Promise<Value>): Promise<Value> {
    let reject!: (error: Error) => void;
    const lost = new Promise<never>((_, failed) => reject = failed);
    this.#waiting.add(reject);
    try {
      return await Promise.race([answer, lost]);
    } finally {
      this.#waiting.delete(reject);
      // The loser of the race may fail later, when nothing waits for it.
      answer.catch(() => {});
    }
  }

  /** Waits until there is a connection. */
  async #connected(): Promise<void> {
    while (!this.#isConnected && !this.#isClosed) {
      if (this.#link?.connection.isClosed() === false) await new Promise<void>((resolve) => this.#turned = resolve);
      else await this.#connect();
    }
  }

  #leave(why: string): void {
    if (this.#isAway || this.#isClosed) return;
    this.#isAway = true;
    this.#reader.away(why);
  }

  // --- the stream ---

  /** What its leader says of the stream. While servers elect one, another may answer, of a stream without messages. */
  async #info(): Promise<StreamInfo> {
    const info = await this.#answer(this.#link!.manager.streams.info(this.#stream));
    if (info.cluster && !info.cluster.leader) throw new Error(NO_LEADER);
    return info;
  }

  /** Finds it, and waits for its leader if it has to. */
  async #findLed(): Promise<StreamInfo> {
    for (let doubts = 0;; doubts++) {
      try {
        return await this.#find();
      } catch (error) {
        if ((error as Error).message !== NO_LEADER || doubts === MOST_DOUBTS) throw error;
        await pause(DOUBT);
      }
    }
  }

  /** What its leader says of the stream, which is made when there is none. */
  async #find(): Promise<StreamInfo> {
    const { streams } = this.#link!.manager;
    try {
      return await this.#info();
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
    const config = newStream(this.#options, this.#terms);
    try {
      return await this.#answer(streams.add(config as Parameters<typeof streams.add>[0]));
    } catch (error) {
      // Another mob has made it meanwhile, and may have asked for something else.
      if (!isInUse(error)) throw error;
      return await this.#info();
    }
  }

  /**
   * Whether it is still the stream that was read. If not, its reader is told. Returns the server in which to read on, when
   * it should not be any: where messages did not come, or were other ones, its leader is trusted. That they are other ones it
   * has said twice already.
   */
  async #verify(stale: Staleness | undefined): Promise<string | undefined> {
    let info = await this.#find();
    let why = await this.#difference(info);
    // A new leader may not have all yet, and one that stood still may have what no other has: they agree after a while.
    for (let doubts = 0; why !== undefined && stale !== "other" && this.#mayAgree(info, doubts); doubts++) {
      this.#leave(`the servers of NATS do not agree: ${why}`);
      await pause(DOUBT);
      info = await this.#find();
      why = await this.#difference(info);
    }
    const leader = info.cluster?.leader;
    if (why === undefined) {
      this.#skip(info.state.first_seq);
      return stale ? leader : undefined;
    }
    checkStream(info.config as StreamShape, this.#options, this.#terms);
    this.#reading.restart(info);
    this.#reader.restarted(why, this.#lifeOf(info));
    return leader;
  }

  #lifeOf({ created }: StreamInfo): string {
    return `${this.#stream} ${created}`;
  }

  #mayAgree(info: StreamInfo, doubts: number): boolean {
    if (this.#isClosed || doubts >= MOST_DOUBTS) return false;
    return info.config.num_replicas > 1 && !this.#reading.isAnother(info);
  }

  #difference(info: StreamInfo, sequence: number = this.#reading.sequence): Promise<string | undefined> {
    const { streams } = this.#link!.manager;
    return this.#reading.difference(info, (seq) => this.#answer(streams.getMessage(this.#stream, { seq })), sequence);
  }

  #skip(to: number): void {
    const { sequence } = this.#reading;
    if (to <= sequence + 1) return;
    this.#reader.missed(sequence + 1, to);
    this.#reading.skip(to);
  }

  #message(sequence: number, bytes: Uint8Array): void {
    if (this.#isClosed || sequence <= this.#reading.sequence) return;
    this.#skip(sequence);
    this.#reading.take(sequence, bytes);
    this.#reader.message(sequence, bytes);
  }

  // --- reading ---

  async #begin(at?: string): Promise<Pull> {
    const { connection, manager } = this.#link!;
    const round = ++this.#round;
    this.#reading.goOn();
    const pull = this.#pull = await this.#answer(Pull.begin(
      {
        library: this.#library,
        connection,
        manager,
        stream: this.#stream,
        from: this.#reading.sequence + 1,
        at,
        message: (sequence, bytes) => {
          // One that began after its connection was lost is not waited for, and says nothing.
          if (round === this.#round) this.#message(sequence, bytes);
        },
        passed: (sequence) => {
          if (round === this.#round) void this.#passed(sequence, round).catch(() => {});
        },
      },
      this.#isPaused,
    ));
    if (this.#isReplicated) this.#watch(pull);
    return pull;
  }

  #watch(pull: Pull): void {
    const reading = this.#reading;
    const isPaused = (): boolean => this.#isPaused;
    const watch = new Watch({
      clock: eventLoop,
      get sequence() {
        return reading.sequence;
      },
      get isPaused() {
        return isPaused();
      },
      ask: () => this.#info(),
      difference: (info, sequence) => this.#difference(info, sequence),
      stale: (why, differs) => pull.stop(why, true, differs ? "other" : "behind"),
    });
    void pull.ended.then(() => watch.end());
  }

  /**
   * The consumer has gone on behind messages that did not come, up to this one, and the next heartbeat will say so again. When
   * the leader does not have them either, they are gone.
   */
  async #passed(sequence: number, round: number): Promise<void> {
    const next = this.#reading.sequence + 1;
    if (sequence < next || this.#isClosed) return;
    const { streams } = this.#link!.manager;
    const { state } = await this.#info();
    if (state.last_seq < sequence) return;
    const message = state.first_seq > next ? null : await this.#answer(streams.getMessage(this.#stream, { seq: next }));
    if (round !== this.#round || this.#reading.sequence + 1 !== next) return;
    if (!message) this.#skip(sequence + 1);
    else this.#pull?.stop("messages of the stream do not come", true, "behind");
  }

  async #run(first: Pull): Promise<void> {
    for (let pull = first; !this.#isClosed;) {
      const { why, isOrderly, stale }: PullEnd = await pull.ended;
      if (!isOrderly) this.#leave(why);
      const next = await this.#again(stale);
      if (!next) return;
      pull = next;
    }
  }

  /** Tries until a pull has begun. `undefined`: the stream is closed. */
  async #again(stale: Staleness | undefined): Promise<Pull | undefined> {
    while (!this.#isClosed) {
      try {
        await this.#connected();
        if (this.#isClosed) break;
        this.#round++;
        const leader = await this.#verify(stale);
        const pull = await this.#begin(leader);
        if (this.#isPaused) pull.pause();
        else pull.resume();
        if (this.#isAway) {
          this.#isAway = false;
          this.#reader.back();
        }
        return pull;
      } catch (error) {
        this.#leave(inWords(error));
        await pause(PAUSE * (1 + Math.random()));
      }
    }
    return undefined;
  }
}
