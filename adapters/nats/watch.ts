/**
 * The watch: finds out that a consumer does not hand out what its stream has. A consumer lies in one of the servers that have
 * the stream. One that lags behind sends heartbeats and nothing else; one that was the leader, and stood still for a while,
 * may hand out messages that no other has. So the leader is asked now and then.
 *
 * Servers that elect a leader say for a while what is not so. Only what is found twice in a row counts.
 *
 * @module
 */

import type { StreamInfo } from "@nats-io/jetstream";
import type { Adapter } from "../../src/contract/adapter.ts";

/** How often it looks, in milliseconds. */
const PERIOD = 2_500;

/** After how many looks without a message the leader is asked: five seconds; and after as many again. */
const QUIET = 2;

/** At which looks it is asked whether messages come or not: soon after a consumer began, and every half minute. */
const SOON: readonly number[] = [1, 2, 4, 8];
const LATER = 12;

/** What is watched. */
export interface Watched {
  /** Timers. */
  readonly clock: Pick<Adapter, "after">;
  /** The sequence of the last message that came. */
  readonly sequence: number;
  /** Whether nothing is asked for. */
  readonly isPaused: boolean;
  /** What the leader says of the stream. */
  ask(): Promise<StreamInfo>;
  /** How the stream differs from what was read, up to the message that was the last one when it was asked. */
  difference(info: StreamInfo, sequence: number): Promise<string | undefined>;
  /** The consumer is of no use. `differs`: it hands out what the leader does not have. */
  stale(why: string, differs: boolean): void;
}

/** What a look has found. */
interface Suspicion {
  readonly why: string;
  /** The message behind which nothing comes, if it is that. */
  readonly behind: number | undefined;
}

/** Watches one consumer. */
export class Watch {
  readonly #watched: Watched;
  #looks = 0;
  #quiet = 0;
  #sequence: number;
  #leader: string | undefined;
  /** Up to where the leader was asked, and nothing differed. */
  #compared = -1;
  /** What the last look has found. */
  #suspicion: Suspicion | undefined;
  #hasEnded = false;
  #stopTimer: () => void = () => {};

  constructor(watched: Watched) {
    this.#watched = watched;
    this.#sequence = watched.sequence;
    this.#schedule();
  }

  /** Ends it. */
  end(): void {
    this.#hasEnded = true;
    this.#stopTimer();
  }

  #schedule(): void {
    this.#stopTimer = this.#watched.clock.after(PERIOD, async () => {
      // Servers that do not answer are no news: what is read ends with the connection.
      const found = await this.#look().catch(() => undefined);
      if (this.#hasEnded) return;
      if (found) this.#watched.stale(found.why, found.behind === undefined);
      else this.#schedule();
    });
  }

  /** Resolves with what was found twice. */
  async #look(): Promise<Suspicion | undefined> {
    const { sequence, isPaused } = this.#watched;
    this.#looks++;
    this.#quiet = sequence === this.#sequence && !isPaused ? this.#quiet + 1 : 0;
    this.#sequence = sequence;
    const isSoon = SOON.includes(this.#looks) || this.#looks % LATER === 0;
    const isQuiet = this.#quiet > 0 && this.#quiet % QUIET === 0;
    // When some have come, they do come.
    const before = this.#suspicion?.behind === undefined || this.#quiet > 0 ? this.#suspicion : undefined;
    if (!before && !isSoon && !isQuiet) return undefined;
    this.#suspicion = undefined;
    const found = this.#suspicion = await this.#ask(sequence);
    return before && found && before.behind === found.behind ? found : undefined;
  }

  async #ask(sequence: number): Promise<Suspicion | undefined> {
    const watched = this.#watched;
    const info = await watched.ask();
    const leader = info.cluster?.leader;
    if (leader !== this.#leader) {
      this.#leader = leader;
      this.#looks = 0;
      this.#compared = -1;
    }
    if (this.#compared !== sequence || info.state.last_seq < sequence) {
      const why = await watched.difference(info, sequence);
      if (why !== undefined) return { why, behind: undefined };
      this.#compared = sequence;
    }
    if (info.state.last_seq <= sequence || watched.sequence !== sequence) return undefined;
    return { why: "messages of the stream do not come", behind: sequence };
  }
}
