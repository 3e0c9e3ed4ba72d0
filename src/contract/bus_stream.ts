/**
 * The contract between mobcast and the engine of a bus: a stream of messages that is the same, in the same order, for every
 * mob that reads it.
 *
 * 1. `append` resolves with the sequence of the message once it is stored. It rejects when that is not known: the message
 *    may be in the stream, may come into it later, or never. What is appended again under the same `id` should be stored once.
 * 2. Messages come in the order of their sequences, each once, from the one after the position at which the stream was opened.
 * 3. A message that is gone before it came is told by `missed`, and the stream goes on behind it.
 * 4. A stream that begins anew, or whose last messages are not those that came, is told by `restarted`. All that a new one
 *    holds then comes from its first message on. Of one that has only lost its end, that is from the position on at which it
 *    was opened, also what came before: what is older than that is of mobs that its reader may not know.
 * 5. Nothing comes between `pause` and `resume`, except what was on its way.
 *
 * @module
 */

/** What all mobs of one bus must have in common. */
export interface StreamTerms {
  /** The framing of the mobs. */
  readonly framing: string;
  /** Their largest payload, in bytes. */
  readonly maxFrame: number;
}

/** What a stream tells its reader. It is told in a callback of the engine, so it only takes notes and asks for a tick. */
export interface StreamReader {
  /** The next message. The bytes belong to the reader, and do not change. */
  message(sequence: number, bytes: Uint8Array): void;
  /** The messages from one sequence up to another, which is not among them, are gone for good. */
  missed(from: number, to: number): void;
  /**
   * This is another stream than before, or has lost its end. `why` is for people. `epoch` names the life of the stream, which
   * is another one unless it has only lost its end.
   */
  restarted(why: string, epoch: string): void;
  /** The engine cannot be reached. `why` is for people. */
  away(why: string): void;
  /** It can be reached again, and its stream is read. */
  back(): void;
}

/** Where a reader begins. */
export interface StreamPosition {
  /** The sequence of the last message before it; 0 in an empty stream. */
  readonly sequence: number;
  /** Names this life of the stream: another one begins with other names. It is the same for all readers. */
  readonly epoch: string;
  /** The sequence of the last message of the stream then. Default: `sequence`, no message lies before it. */
  readonly last?: number | undefined;
}

/** One stream of an engine. */
export interface BusStream {
  /** The name of the bus, for logs and statistics. */
  readonly name: string;
  /** The most bytes of one message, as the engine says now. */
  readonly maxMessage: number;
  /**
   * Finds the stream, or makes it when there is none, and begins to read behind its last message, or `history` bytes of
   * messages before that. Called once. Rejects with an error that names what does not fit when a stream is there that is
   * not one of these terms; it is never changed.
   */
  open(reader: StreamReader, terms: StreamTerms, history: number): Promise<StreamPosition>;
  /** Appends a message. See rule 1. */
  append(message: Uint8Array, id: string): Promise<number>;
  /** The reader has no room. */
  pause(): void;
  /** It has room again. */
  resume(): void;
  /** Stops reading, and lets go of the engine. What was appended and not answered may be stored or not. */
  close(): Promise<void>;
}
