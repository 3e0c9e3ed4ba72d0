/**
 * Close reasons: each end has one, and the reported reason is the right one.
 *
 * @module
 */

import type { CheckedSocket } from "./checked_socket.ts";
import { LINGER } from "./invariants.ts";
import type { Simulation } from "./simulation.ts";

/** How it was when the core closed a connection. */
export interface Removal {
  readonly socket: CheckedSocket;
  /** When. */
  readonly at: number;
  /** Bytes of it that the core had not read. */
  readonly unread: number;
  /** Bytes that were still pending for it. */
  readonly behind: number;
  /** The same, as if it were not leaving. */
  readonly logBehind: number;
  /** Whether this connection held all others, and its time had come. */
  readonly holds: boolean;
  /** Whether the mob was closing. */
  readonly closing: boolean;
  /** Whether an event of this tick reported that it broke, and it was not leaving by then. */
  readonly broke: boolean;
  /** Whether an event of this tick reported bytes from it. */
  readonly readable: boolean;
}

function causeOf(simulation: Simulation, removal: Removal, reason: string): string | undefined {
  const cause = CAUSES[reason];
  return cause === undefined ? "there is no such reason" : cause(simulation, removal);
}

/** What is missing for a WebSocket connection to begin to leave for that reason; `undefined`: nothing. */
export function whyItLeaves(simulation: Simulation, removal: Removal, reason: string): string | undefined {
  const { socket } = removal;
  const isOut = simulation.application?.asked.has(socket.token) === true;
  const { author } = socket.client;
  return causeOf(simulation, removal, reason) ??
    (BY_ITSELF.has(reason) && !isOut && author.published < socket.whole
      ? "not everything that it sent before was published"
      : undefined);
}

/** What is missing for a connection to have ended for that reason; `undefined`: nothing. */
export function causeIsMissing(simulation: Simulation, removal: Removal, reason: string): string | undefined {
  const { socket, broke, unread } = removal;
  // What comes from it afterward is withheld.
  const asked = simulation.application?.asked.has(socket.token) === true;
  if (broke && unread > 0 && ENDED.has(reason)) return `${unread} bytes that came before were not read`;
  const { leaving } = socket.web ?? {};
  // Its cause was looked at when it began to leave.
  const missing = leaving === reason ? undefined : causeOf(simulation, removal, reason);
  if (leaving !== undefined && leaving !== reason && !FORCED.has(reason)) return `it was leaving for ${leaving}`;
  return missing ?? hungUpOn(simulation, removal) ??
    (ENDED.has(reason) && !asked ? unpublished(socket) : undefined);
}

/** Reasons that come with the end of a stream, which everything before it must have been published at. */
const ENDED: ReadonlySet<string> = new Set(["end", "reset", "truncated"]);

/** Reasons with which also a connection goes that leaves for another one. */
const FORCED: ReadonlySet<string> = new Set(["lagged", "stalled", "disconnected", "internal"]);

/** Reasons that lie in what a connection has sent: what came before is published. */
const BY_ITSELF: ReadonlySet<string> = new Set(["end", "truncated", "protocol-error", "frame-too-large"]);

const CAUSES: Readonly<Record<string, (simulation: Simulation, removal: Removal) => string | undefined>> = {
  "end": (_, { socket, broke }) => {
    if (broke) return "it was broken";
    if (!socket.sawEnd && socket.bytesRead < (socket.client.web?.closedAt ?? Infinity)) {
      return "it has not ended its stream";
    }
    return socket.atBoundary || !socket.client.sane ? undefined : "its stream ended inside a frame";
  },
  "truncated": ({ marks }, { socket, broke }) => {
    marks.reach("truncated");
    if (broke) return "it was broken";
    if (!socket.sawEnd) return "it has not ended its stream";
    return socket.atBoundary ? "its stream ended at a frame boundary" : undefined;
  },
  "reset": (_, { socket }) => socket.inner.error === undefined ? "its connection is not broken" : undefined,
  "receive-memory": (simulation, { socket }) => {
    const { options, marks } = simulation;
    marks.reach("receive memory passed");
    const others = [...simulation.inside.values()];
    const holders = [...others, ...simulation.members];
    const all = holders.reduce((sum, other) => sum + other.mostHeld, socket.mostHeld);
    if (all <= options.maxReceiveMemory) return `all connections together hold ${all} bytes at most`;
    const larger = others.find((other) => other.stream.until === Infinity && other.leastHeld > socket.mostHeld);
    return larger === undefined
      ? undefined
      : `it holds ${socket.mostHeld} bytes at most, and ${simulation.nameOf(larger)} more`;
  },
  "lagged": ({ options, marks }, { socket, logBehind, closing }) => {
    marks.reach("lagged");
    if (closing) return "a closing mob removes no connection for its lag";
    if (options.slowConsumer === "block") return "no connection is removed for its lag under block";
    if (options.slowConsumer === "skip" && socket.stream.until === Infinity) {
      return "under skip only leaving connections are";
    }
    return logBehind > options.maxLag ? undefined : `it is ${logBehind} bytes behind`;
  },
  "stalled": ({ options, marks, stops }, { socket, at, behind, holds }) => {
    marks.reach("stalled");
    if (holds) marks.reach("stalled while it held the others");
    if (socket.waitingSince === undefined) return "it takes what it is given";
    const { stallTimeout: timeout } = options;
    const early = stops.tooEarly(socket, "stall", { since: socket.waitingSince, timeout, at });
    if (early !== undefined) return `it took something, and ${early}`;
    return behind > 0 || socket.stream.until !== Infinity || socket.web?.isPending
      ? undefined
      : "nothing is pending for it";
  },
  "idle": ({ options, marks, stops }, { socket, readable, at }) => {
    marks.reach("idle");
    if (options.idleTimeout === 0) return "there is no idleTimeout";
    if (socket.stream.until !== Infinity) return "it was leaving";
    if (readable) return "its bytes were waiting";
    return stops.tooEarly(socket, "idle", { since: socket.lastActivity, timeout: options.idleTimeout, at });
  },
  "frame-timeout": ({ options, marks, stops }, { socket, unread, at }) => {
    marks.reach("frame too slow");
    if (options.frameTimeout === 0) return "there is no frameTimeout";
    if (socket.stream.until !== Infinity) return "it was leaving";
    if (socket.reported) return `the core has not read it: ${unread} bytes and more wait`;
    if (socket.atBoundary) return "no frame of it is incomplete";
    return stops.tooEarly(socket, "frame", { since: socket.frameSince, timeout: options.frameTimeout, at });
  },
  "frame-too-large": ({ marks }, { socket }) => {
    marks.reach("frame too large");
    const { author: { poisonedAt }, web } = socket.client;
    if (web !== undefined && web.offence?.reason !== "frame-too-large") return "it has sent no such frame";
    return socket.bytesRead > poisonedAt ? undefined : "no frame of it was too large";
  },
  "protocol-error": ({ marks }, { socket: { client, bytesRead } }) => {
    const { offence } = client.web ?? {};
    if (offence?.reason !== "protocol-error") return "it has broken no rule";
    marks.reach(
      offence.code === 1002 ? "broke a rule" : offence.code === 1007 ? "text that is no text" : "text in mobcast.u64",
    );
    return bytesRead > client.author.poisonedAt ? undefined : "the core has not read that";
  },
  "disconnected": ({ application, marks }, { socket }) => {
    marks.reach("disconnected");
    return application?.asked.has(socket.token) ? undefined : "the application has not asked for it";
  },
  "shutdown": ({ closing, marks }, { behind }) => {
    marks.reach(behind > 0 ? "drain ran out" : "drained");
    return closing ? undefined : "the mob is not closed";
  },
  "internal": (_, { socket }) => socket.threw ? undefined : "mobcast itself failed",
};

/** A connection whose stream was ended has a second to hang up. */
function hungUpOn({ options, stops, application }: Simulation, { socket, at, closing }: Removal): string | undefined {
  if (!socket.shut || socket.sawFinal || socket.threw || closing || application?.asked.has(socket.token)) {
    return undefined;
  }
  const waited = stops.awake(socket.shutAt, at);
  const due = Math.min(LINGER, options.drainTimeout);
  return waited < due ? `its stream was ended ${waited} ms before, and it may take ${due} to hang up` : undefined;
}

/** Everything that was read before the end is published. */
function unpublished({ client, bytesRead, stream, sawEnd, web, whole: read }: CheckedSocket): string | undefined {
  if (web !== undefined) {
    const isMissing = web.leaving === undefined && sawEnd &&
      client.author.published < Math.min(read, client.wholeAtEnd);
    return isMissing ? "not everything that it sent before was published" : undefined;
  }
  if (!sawEnd || stream.until === Infinity) return undefined;
  const { author } = client;
  const whole = author.wholeWithin(Math.min(bytesRead, author.poisonedAt));
  return author.published < Math.min(whole, client.wholeAtEnd)
    ? "not everything that it sent before was published"
    : undefined;
}
