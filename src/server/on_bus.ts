/**
 * A mob on a bus: what its relay asks of the mob, and which connections wait for what they have sent.
 *
 * @module
 */

import type { BusStats } from "../bus/bus_stats.ts";
import type { BusGap, Relay, RelayHost, RelayLink } from "../bus/relay.ts";
import type { Publisher } from "../broadcast/publisher.ts";
import type { Poll } from "../reactor/poll.ts";
import type { Slab } from "../reactor/slab.ts";
import type { Connection } from "./connection.ts";
import type { Lifecycle } from "./lifecycle.ts";
import type { ResolvedOptions } from "./options.ts";
import { tickBudgetFor } from "./receiver.ts";
import type { Timeouts } from "./timeouts.ts";

/** What a mob on a bus uses. */
export interface OnBusParts {
  readonly now: () => number;
  readonly poll: Poll;
  readonly slab: Slab<Connection>;
  readonly publisher: Publisher<Connection>;
  readonly timeouts: Timeouts;
  readonly lifecycle: Lifecycle;
  /** A connection that will leave is drained now. */
  readonly depart: (connection: Connection) => void;
  /** A connection leaves, since frames were missed. */
  readonly cut: (connection: Connection) => void;
}

/** The mob's side of its relay. */
export class OnBus {
  /** What receiver and outbox hand frames to. */
  readonly link: RelayLink<Connection>;
  readonly #with: OnBusParts;
  /** Whether all connections leave, as soon as everything that the mob has sent is back. */
  #draining = false;
  /** Since when it has not been joined; `undefined`: it is. */
  #awaySince: number | undefined;
  #hasJoined = false;

  /** Takes the mob to the bus of `relay`. */
  constructor(relay: Relay, options: ResolvedOptions, parts: OnBusParts) {
    this.#with = parts;
    const { now, slab, publisher, poll } = parts;
    this.#awaySince = now();
    const { framing, maxFrame, maxLag, history, echo, slowConsumer } = options;
    const host: RelayHost<Connection> = {
      framing,
      maxFrame,
      tickBudget: tickBudgetFor(maxLag),
      leavesOut: echo === "others",
      history,
      publisher,
      // One on its way out gets nothing of what is published now, so it does not leave out its own frames either.
      find: (token) => {
        const connection = slab.get(token);
        return connection?.leaving ? undefined : connection;
      },
      wake: () => poll.wake(),
      returned: (connection) => this.#returned(connection),
      gap: (gap) => this.#gap(gap, slowConsumer === "skip"),
      away: (why) => this.#away(why),
    };
    this.link = relay.attach(host);
  }

  /** How the bus is, and what is counted. */
  stats(): BusStats {
    const { link } = this;
    const awayFor = this.#awaySince === undefined ? 0 : this.#with.now() - this.#awaySince;
    return { ...link.stats(), whyAway: link.whyAway, awayFor };
  }

  /** A connection is about to leave. Returns whether it waits for what it has sent: it will then depart by itself. */
  awaits(connection: Connection): boolean {
    const isAwaited = connection.inFlight > 0 || (this.#draining && !this.link.empty);
    if (isAwaited) this.#with.timeouts.returning.set(connection.token);
    return isAwaited;
  }

  /** From now on all connections leave, and each waits for everything that the mob has sent. */
  drain(): void {
    this.#draining = true;
  }

  /** A tick has read its connections. */
  tick(): void {
    this.link.tick();
    if (!this.#draining || !this.link.empty) return;
    for (const connection of this.#with.slab.values()) {
      if (connection.phase === "returning") this.#with.depart(connection);
    }
  }

  #away(why: string | undefined): void {
    const { lifecycle, now } = this.#with;
    const awayFor = now() - (this.#awaySince ?? now());
    this.#awaySince = why === undefined ? undefined : now() - awayFor;
    if (why !== undefined) return lifecycle.busAway(why);
    if (this.#hasJoined) return lifecycle.busBack(awayFor);
    this.#hasJoined = true;
    const { name, sequence } = this.link.stats();
    lifecycle.busJoined(name, sequence);
  }

  #returned(connection: Connection): void {
    if (connection.phase === "returning" && !this.#draining) this.#with.depart(connection);
  }

  #gap(gap: BusGap, goesOn: boolean): void {
    const { lifecycle, publisher, slab, cut } = this.#with;
    publisher.forget();
    lifecycle.missed(gap, goesOn);
    if (goesOn) return;
    for (const connection of slab.values()) {
      if (connection.phase === "open" || connection.phase === "returning") cut(connection);
    }
  }
}
