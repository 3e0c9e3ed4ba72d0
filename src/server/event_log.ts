/**
 * The event log: one structured log line for each event of a connection, at a limited rate, so that it fills no disk.
 *
 * @module
 */

import { logger } from "../logger.ts";
import type { BusGap } from "../bus/relay.ts";
import type { Rejection } from "../admission/handshake.ts";
import type { Connection } from "./connection.ts";
import type { CloseReason } from "../status/stats.ts";
import { formatToken } from "../contract/token.ts";

/** How many lines of one kind are written in a window; the others are counted. */
const LINES = 10;

/** The window, in milliseconds. */
const WINDOW = 10_000;

/** Ordinary ends, logged at info level. All others are warnings. */
const ORDINARY: ReadonlySet<CloseReason> = new Set(["end", "reset", "truncated", "shutdown"]);

/** How many lines of one kind were written, and how many only counted. */
interface Tally {
  since: number;
  written: number;
  unwritten: number;
}

/** Logs what happens to connections. */
export class EventLog {
  readonly #tallies: Map<string, Tally> = new Map();

  /** A connection joined. */
  joined(connection: Connection): void {
    logger[this.#ordinary("joins", connection.since)]("Joined: {remoteAddress}", () => namesOf(connection));
  }

  /** A connection has passed half of `maxLag` (`slow`), or holds all others back (`held-back`, under `block`). */
  behind(type: "slow" | "held-back", connection: Connection, lag: number, now: number): void {
    const properties = () => ({ ...namesOf(connection), lag });
    if (type === "slow") {
      logger[this.#ordinary("slow connections", now)]("Slow: {remoteAddress}, lag {lag} bytes", properties);
    } else if (this.#mayWrite("connections that hold others back", now)) {
      logger.warning("Held back by {remoteAddress}, lag {lag} bytes", properties());
    }
  }

  /** A connection left; `lag` bytes were still pending. `detail` says more of the reason. */
  left(connection: Connection, reason: CloseReason, detail: string | undefined, lag: number, now: number): void {
    const properties = () => ({
      reason,
      ...(detail === undefined ? {} : { detail }),
      ...namesOf(connection),
      age: Math.round(now - connection.since),
      bytesReceived: connection.bytesReceived,
      bytesDelivered: connection.bytesDelivered,
      lag,
    });
    if (ORDINARY.has(reason)) {
      logger[this.#ordinary("leaves", now)]("Left: {remoteAddress}, {reason}", properties);
    } else if (this.#mayWrite(reason, now)) {
      const more = detail === undefined ? "" : ": {detail}";
      logger.warning(`Removed: {remoteAddress}, {reason}${more} (lag {lag} bytes)`, properties());
    }
  }

  /** Handling a connection failed, by a defect of ours. */
  failed(remoteAddress: string, error: unknown, now: number): void {
    if (!this.#mayWrite("internal errors", now)) return;
    logger.error("Removed: {remoteAddress}, internal error: {error}", { remoteAddress, error });
  }

  /** A hook of the application failed. */
  hookFailed(name: string, error: unknown, now: number): void {
    if (this.#mayWrite(name, now)) logger.error(`Cannot run ${name} of the application: {error}`, { error });
  }

  /** Frames of the bus were missed for good. `goesOn`: connections stay. */
  missed({ why, batches, restarted }: BusGap, goesOn: boolean, now: number): void {
    if (!this.#mayWrite("gaps of the bus", now)) return;
    const what = restarted ? "The bus began anew" : `Missed ${batches ? "{batches} batches" : "frames"} of the bus`;
    const then = goesOn ? "connections go on behind it" : "all connections are disconnected";
    logger.error(`${what}: {why}; ${then}`, { batches, why });
  }

  /** The mob has joined its bus. */
  busJoined(bus: string, sequence: number): void {
    logger.info("Joined the bus {bus} at {sequence}", { bus, sequence });
  }

  /** The bus cannot be reached, and why. */
  busAway(why: string, now: number): void {
    if (!this.#mayWrite("times that the bus was away", now)) return;
    logger.warning("The bus is away, what clients send waits: {why}", { why });
  }

  /** It can be reached again. */
  busBack(awayFor: number, now: number): void {
    const properties = { seconds: Math.round(awayFor / 100) / 10 };
    logger[this.#ordinary("times that the bus was back", now)]("The bus is back after {seconds} s", properties);
  }

  /** A connection was refused by a limit or a list, failed its protocol's handshake, or did not send the secret. */
  rejected(remoteAddress: string, reason: Rejection, why: string, now: number): void {
    if (!this.#mayWrite(reason, now)) return;
    const what = { "handshake-failed": "Handshake failed", unauthorized: "Unauthorized", refused: "Refused" }[reason];
    const name = reason === "refused" ? "limit" : "why";
    logger.warning(`${what}: {remoteAddress}, {${name}}`, { reason, remoteAddress, [name]: why });
  }

  /** The level of a line about what is ordinary. At debug level all of them are there, however many. */
  #ordinary(kind: string, now: number): "info" | "debug" {
    return this.#mayWrite(kind, now, "info") ? "info" : "debug";
  }

  /** Whether one more line of this kind may be written. A new window begins by logging how many were not. */
  #mayWrite(kind: string, now: number, level: "info" | "warning" = "warning"): boolean {
    let tally = this.#tallies.get(kind);
    if (!tally || now - tally.since >= WINDOW) {
      const unwritten = tally?.unwritten ?? 0;
      const where = level === "info" ? " above debug" : "";
      if (unwritten > 0) logger[level](`Not logged${where}: {unwritten} more lines of {kind}`, { unwritten, kind });
      tally = { since: now, written: 0, unwritten: 0 };
      this.#tallies.set(kind, tally);
    }
    if (tally.written < LINES) {
      tally.written++;
      return true;
    }
    tally.unwritten++;
    return false;
  }
}

function namesOf({ socket, token }: Connection): Record<string, unknown> {
  return { remoteAddress: socket.remoteAddress, token: formatToken(token) };
}
