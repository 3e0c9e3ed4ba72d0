/**
 * The watch: follows the status of a server second by second, and goes on after the server was away.
 *
 * @module
 */

import { type Rates, ratesOf } from "../status/rates.ts";
import type { ConnectionList, ListedConnection, ReportedEvent, StatusReport } from "../status/report.ts";
import type { ConnectionSort } from "../status/stats.ts";
import { type Look, type Verdict, verdictsOf } from "../status/verdict.ts";
import { type Words, wordsOf } from "../status/words.ts";
import { Failure, onAny } from "./session.ts";
import type { StatusClient } from "./status_client.ts";
import type { Terminal } from "./terminal.ts";

/** A connection, what will happen to it, and what went on in the last second or two. */
export interface WatchedConnection extends ListedConnection {
  /** What will happen to it. */
  readonly verdict: Verdict;
  /** Bytes a second that come from it; `undefined`: not known yet. */
  readonly in: number | undefined;
  /** Bytes a second that are delivered to it. */
  readonly out: number | undefined;
}

/** What is known of the server. */
export interface Seen {
  /** The latest report. */
  readonly report: StatusReport;
  /** The rates since the one before. */
  readonly rates: Rates | undefined;
  /** The report of some ten seconds before; `undefined`: there is none of this run. */
  readonly past: StatusReport | undefined;
  /** How the mob is, in words. */
  readonly words: Words;
  /** The connections that were asked for. */
  readonly connections: readonly WatchedConnection[];
  /** How many there are in all. */
  readonly total: number;
  /** What happened lately, the latest last. */
  readonly events: readonly ReportedEvent[];
}

/** Why nothing is known at the moment. */
export interface Lost {
  /** Since when, by the terminal's clock. */
  readonly since: number;
  /** Why, in words. */
  readonly reason: string;
}

/** Which connections are asked for. */
export interface Wanted {
  /** What comes first. */
  readonly sort: ConnectionSort;
  /** The most connections. */
  readonly limit: number;
  /** How many are left out before. */
  readonly offset: number;
}

/** What has changed: there is another report, other connections were asked for, or there is no connection. */
export type Change = "report" | "list" | "lost";

/** How long it waits before it tries again, in milliseconds. */
const AGAIN = 1000;

/** How far back the report is that is compared for what happened lately, in milliseconds. */
const LATELY = 10_000;

/** How many of those that are furthest behind the words are made of. */
const FURTHEST = 50;

/** How many events are kept. */
const EVENTS = 50;

/** Follows a status. */
export class StatusWatch {
  readonly #client: StatusClient;
  readonly #terminal: Pick<Terminal, "now" | "after">;
  readonly #signal: AbortSignal;
  readonly #wanted: () => Wanted;
  readonly #changed: (change: Change) => void;
  #seen: Seen | undefined;
  #lost: Lost | undefined;
  /** The looks of the last two seconds, the latest last: their lists have every connection that was asked for. */
  #looks: Look[] = [];
  /** The reports of the last ten seconds. */
  #reports: StatusReport[] = [];
  /** Whether a list is under way that a key asked for, and whether another key came since. */
  #refreshing: "no" | "once" | "again" = "no";

  /** Makes a watch. `wanted` says which connections are asked for, and `changed` is called when there is something new. */
  constructor(
    client: StatusClient,
    terminal: Pick<Terminal, "now" | "after">,
    signal: AbortSignal,
    wanted: () => Wanted,
    changed: (change: Change) => void,
  ) {
    this.#client = client;
    this.#terminal = terminal;
    this.#signal = signal;
    this.#wanted = wanted;
    this.#changed = changed;
  }

  /** What is known; `undefined`: nothing yet. */
  get seen(): Seen | undefined {
    return this.#seen;
  }

  /** Why nothing is known at the moment; `undefined`: the server answers. */
  get lost(): Lost | undefined {
    return this.#lost;
  }

  /** Follows until the signal aborts. Rejects when the server cannot be reached the first time. */
  async run(): Promise<void> {
    while (!this.#signal.aborted) {
      let failure: unknown = new Failure("the server ended it");
      try {
        for await (const report of this.#client.live()) await this.#take(report);
      } catch (error) {
        failure = error;
      }
      if (this.#signal.aborted) return;
      if (this.#seen === undefined || !(failure instanceof Failure)) throw failure;
      const since = this.#lost?.since ?? this.#terminal.now();
      // What the line is about, and what to do at the first time, are known.
      const reason = failure.message.replace(/^Cannot read the status of \S+: /, "").replace(
        /, (start the server|is that its URL).*/,
        "",
      );
      this.#lost = { since, reason };
      this.#changed("lost");
      await this.#pause();
    }
  }

  /** Asks for the connections anew, since others are wanted. What goes wrong shows when the next report is due. */
  async refresh(): Promise<void> {
    if (this.#refreshing !== "no") {
      this.#refreshing = "again";
      return;
    }
    do {
      this.#refreshing = "once";
      try {
        const shown = await this.#list(this.#wanted());
        const seen = this.#seen;
        if (seen !== undefined) {
          this.#seen = {
            ...seen,
            total: shown.total,
            connections: this.#watched({ report: seen.report, list: shown }),
          };
          this.#changed("list");
        }
      } catch {
        // The next report tells.
      }
    } while (this.#refreshing as string === "again");
    this.#refreshing = "no";
  }

  #list({ sort, limit, offset }: Wanted): Promise<ConnectionList> {
    return this.#client.connections(sort, limit, offset);
  }

  async #take(report: StatusReport): Promise<void> {
    const wanted = this.#wanted();
    const isFurthest = wanted.sort === "lag" && wanted.offset === 0;
    const furthest = await this.#list({
      sort: "lag",
      limit: Math.max(FURTHEST, isFurthest ? wanted.limit : 0),
      offset: 0,
    });
    const shown = isFurthest
      ? { ...furthest, connections: furthest.connections.slice(0, wanted.limit) }
      : await this.#list(wanted);
    this.#reports = this.#reports.filter(({ now }) => report.now - now <= LATELY + AGAIN / 2 && now <= report.now);
    const rates = ratesOf(report, this.#looks.at(-1)?.report);
    if (rates === undefined) this.#forget();
    const [past] = this.#reports;
    const words = wordsOf({ report, list: furthest }, this.#looks.at(-1), past);
    this.#looks = [...this.#looks, { report, list: unionOf(furthest, shown) }].slice(-2);
    this.#reports.push(report);
    this.#lost = undefined;
    this.#seen = {
      report,
      rates,
      past,
      words,
      connections: this.#watched({ report, list: shown }),
      total: shown.total,
      events: [...this.#seen?.events ?? [], ...report.events ?? []].slice(-EVENTS),
    };
    this.#changed("report");
  }

  /** The server began anew: what was before says nothing of it. */
  #forget(): void {
    this.#looks = [];
    this.#reports = [];
  }

  /** The connections of a look, compared with the look of a second or two before. */
  #watched(look: Look): WatchedConnection[] {
    const before = this.#looks.length === 2 ? this.#looks[0] : undefined;
    const verdicts = verdictsOf(look, before);
    const priors = new Map(before?.list.connections.map((connection) => [connection.token, connection]));
    const seconds = before === undefined ? 0 : (look.list.now - before.list.now) / 1000;
    return look.list.connections.map((connection, index) => {
      const prior = seconds > 0 ? priors.get(connection.token) : undefined;
      const rate = (kind: "received" | "delivered"): number | undefined =>
        prior && Math.max(0, connection[kind].bytes - prior[kind].bytes) / seconds;
      return { ...connection, verdict: verdicts[index]!, in: rate("received"), out: rate("delivered") };
    });
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        cancel();
        this.#signal.removeEventListener("abort", end);
        resolve();
      };
      const cancel = this.#terminal.after(AGAIN, end);
      onAny([this.#signal], end);
    });
  }
}

/** The connections of both lists, each once. */
function unionOf(one: ConnectionList, other: ConnectionList): ConnectionList {
  const all = new Map([...other.connections, ...one.connections].map((each) => [each.token, each]));
  return { ...one, connections: [...all.values()] };
}
