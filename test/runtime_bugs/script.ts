/**
 * Scripts: what two ends of a connection do, step by step, without a word about timing.
 *
 * @module
 */

import type { Habits, Watch } from "./watch.ts";

/** The other end, which does what no adapter would. */
export interface Peer {
  /** Sends so many bytes, as they are taken. */
  send(length: number): void;
  /** Sends the end of its stream, after its bytes, and goes on. */
  end(): void;
  /** Breaks the connection, whatever was not sent yet. */
  reset(): void;
  /** Is gone, as when its process ends. */
  close(): void;
  /** Reads from now on. Before that it does not. */
  read(): void;
}

/** One step. Our steps wait until there is a connection. */
export type Step =
  /** The client does something. */
  | { readonly client: (client: Peer) => void }
  /** We do something. */
  | { readonly we: (watch: Watch) => void }
  /** No step is taken until nothing happens any more. */
  | "quiet"
  /** We write until nothing more is taken. */
  | "fill"
  /** Many connect, and reset before they can be accepted. */
  | "storm";

/** A script. The client connects first, and the steps begin before it is accepted. */
export interface Script {
  readonly name: string;
  /** What our end does by itself. */
  readonly habits?: Habits;
  readonly steps: readonly Step[];
  /** Bytes that the client sends in all. */
  readonly sent: number;
}

/** What a run of a script showed. */
export type Trace = readonly string[];
