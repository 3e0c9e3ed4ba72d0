/**
 * Marks: rare states that a campaign must have reached at least once, or it proves less than it claims.
 *
 * @module
 */

/** The marks, with what each means. */
export const MARKS = {
  "stale event": "an event came for a connection that was gone",
  "two occupants in a batch": "one batch named a slot's old occupant and its new one",
  "event twice in a batch": "one batch named a connection more than once",
  "header read in parts": "a read ended inside a header",
  "header written in parts": "a write ended inside a header",
  "frame written in parts": "a write ended inside a payload",
  "cut inside a frame": "a connection was removed with a frame half given",
  "reset during the broadcast": "a receiver broke in the middle of a broadcast",
  "reset during a read": "a sender broke while it was read from",
  "final event with bytes unread": "a hup came before the bytes in front of it were read",
  "published behind a final event": "bytes that were read after a hup were published",
  "socket threw": "a socket threw, which no socket may",
  "lagged": "a connection was removed for its lag",
  "receive memory passed": "a connection was removed because receive buffers held too much together, and its own most",
  "stalled": "a connection was removed because it took nothing",
  "idle": "a connection was removed because nothing happened",
  "frame too slow": "a connection was removed for a frame that did not come to its end",
  "frame in two pieces": "a large frame came in two pieces",
  "piece as it lay": "a piece of a large frame was published as it lay in what was read",
  "frame in many pieces": "a large frame came in more than two pieces",
  "pieces over one segment": "a frame that came in pieces was longer than a segment of the log",
  "pieces over three segments": "a frame that came in pieces was longer than three segments of the log",
  "frame too large": "a connection was removed for a frame over the limit",
  "truncated": "a stream ended inside a frame",
  "skipped one frame or more": "a slow connection missed frames",
  "skipped inside a frame": "a connection was skipped with a frame half delivered",
  "went on after a skip": "a skipped connection went on at the live end",
  "held the others": "under block, a connection passed maxLag and stayed",
  "stalled while it held the others": "under block, the connection that held all others was removed",
  "slow": "an application that iterates events was told of a slow connection",
  "paused": "a connection was not read from because it did not read",
  "full": "an incoming connection was refused because the mob was full",
  "accepted after full": "an incoming connection was accepted after one had been refused",
  "refused by address": "an incoming connection was refused because of its address",
  "secret sent": "an unauthenticated connection became a member",
  "secret sent in parts": "the secret took more than one read",
  "frames behind the secret": "one read brought the secret and more",
  "wrong secret": "an unauthenticated connection sent something else",
  "secret too late": "an unauthenticated connection had not sent the secret in time",
  "left without the secret": "an unauthenticated connection left",
  "unauthenticated connection dropped by a closing mob":
    "the mob was closed before an unauthenticated connection had sent the secret",
  "handshake done": "an incoming connection was accepted after its handshake",
  "handshake failed": "a handshake failed",
  "too many handshakes": "an incoming connection was refused because of the handshakes under way",
  "longest back-off": "accepts failed until the wait was the longest",
  "back-off ended by a departure": "a failed accept was tried again because a connection left",
  "log trimmed by a removal": "removing a connection let go of part of the log",
  "log over one segment": "a blocked connection held more than one segment",
  "all left in one batch": "one batch ended the last connections, several of them",
  "hook called back": "a hook called into the mob",
  "hook threw": "a hook threw",
  "joined from a hook": "a connection was accepted while a tick called its hooks",
  "closed from a hook": "a hook closed the mob",
  "published by the application": "the application published a message",
  "published to no connection": "the application published a message while no connection was there",
  "published from a hook": "a hook published",
  "published from onMessage": "something was published while onMessage was called",
  "published more than a tick carries": "the application published more than a tick carries, and some of it waited",
  "what was published waits under block": "what the application published waited, as one connection held all others",
  "closed while something waited": "the mob was closed while something that was published waited",
  "disconnected": "the application disconnected a connection",
  "disconnected from a hook": "a hook disconnected a connection",
  "sender disconnected from onMessage": "onMessage disconnected the connection that the message was from",
  "another disconnected from onMessage": "onMessage disconnected a connection that the message was not from",
  "disconnected while behind": "the application disconnected a connection with bytes pending",
  "disconnected before it joined": "the application disconnected a connection that was unauthenticated",
  "member disconnected": "the application disconnected a member",
  "disconnect of a connection that is gone": "the application disconnected a connection that was gone",
  "withheld": "a message was withheld for what it held",
  "withheld by a failure or a disconnect": "a message was withheld since onMessage failed, or disconnected its sender",
  "withheld behind a disconnect": "what came from a connection after onMessage had disconnected it was withheld",
  "closed from onMessage": "onMessage closed the mob",
  "authorized": "the application let a connection join",
  "refused by the application": "the application let a connection not join, or failed",
  "authorize failed": "authorize threw, rejected, or returned neither true nor false",
  "authorized too late": "the application had not answered in time",
  "left while authorize decided": "a connection broke while the application decided",
  "closed while authorize decided": "the mob was closed while the application decided",
  "asked about a connection that is gone": "authorize was asked about a connection that was gone already",
  "answered about a connection that is gone": "the application answered when the connection was gone already",
  "drained": "a closing mob delivered everything in time",
  "drain ran out": "a closing mob dropped connections that had not taken everything",
  "closed twice": "the mob was closed while it was closing",
  "input before deadlines": "time ran out for a connection whose bytes were waiting, and it stayed",
  "stopped": "the process was stopped, and went on",
  "in time but for a stop": "time ran out for a connection while the process was stopped; it had acted, and it stayed",
  "several framings": "something was published for connections of more than one framing",
  "re-framed": "a frame was delivered to connections of another framing than its sender's",
  "not carried": "a frame was skipped by connections whose framing cannot carry it",
  "re-framed from pieces": "a large frame that came in pieces was published in more than one framing",
  "blocked in two feeds": "connections of more than one framing were behind at the same time",
  "skipped in one of several feeds": "a slow connection missed frames where there are several framings",
  "held the others in several feeds": "under block, a connection of one framing held back those of another",
  "own frames left out of one feed":
    "under echo others, a frame was left out for its sender, in one of several framings",
  "own frames left out": "under echo others, a connection did not receive its own frames",
  "replayed": "a connection received what was published before it joined",
  "replayed in several framings": "connections of more than one framing received that",
  "skipped what was replayed": "a slow connection missed some of what was published before it joined",
  "upgraded": "a WebSocket client was accepted",
  "upgraded to mobcast.u64": "a WebSocket client of the subprotocol was accepted",
  "frames behind the request": "one read brought a request and more",
  "wrong request": "a client of a WebSocket listener sent a wrong request, and got its answer",
  "answered as it came": "a WebSocket client that may not come in got an answer",
  "gone behind its answer": "a refused connection was closed a moment after it had its answer",
  "gone without its answer": "a refused connection did not take its answer, and was closed",
  "ping before the secret": "a ping was answered while a secret was due",
  "ping inside a frame": "a ping was answered behind a frame that was half given",
  "too many pings": "more control frames were due to a connection than wait",
  "control frame in parts": "a write ended inside a control frame or a response",
  "pinged": "a quiet WebSocket connection was pinged",
  "closed by the client": "a client sent a close frame",
  "ended without a close frame": "a WebSocket client ended its stream without a close frame",
  "close frame waits": "a blocked connection was to get a close frame",
  "broke a rule": "a client broke a rule of WebSocket",
  "text that is no text": "a WebSocket client sent text that is not UTF-8",
  "text in mobcast.u64": "a client of the subprotocol sent text",
  "ping inside a message": "a ping between the fragments of a message was answered",
} as const;

/** The name of a mark. */
export type Mark = keyof typeof MARKS;

/** All of them, in the order of the table. */
export const MARK_NAMES: readonly Mark[] = Object.keys(MARKS) as Mark[];

/** How often each mark was reached. */
export class Marks<Name extends string = Mark> {
  readonly counts: Record<Name, number>;

  /** None was reached yet. */
  constructor(names: readonly Name[]) {
    this.counts = Object.fromEntries(names.map((name) => [name, 0])) as Record<Name, number>;
  }

  /** It was reached once more. */
  reach(mark: Name): void {
    this.counts[mark]++;
  }

  /** Adds the counts of others. */
  add(counts: Readonly<Record<Name, number>>): void {
    for (const mark of Object.keys(this.counts) as Name[]) this.counts[mark] += counts[mark];
  }

  /** The marks that were never reached. */
  get missing(): Name[] {
    return (Object.keys(this.counts) as Name[]).filter((mark) => this.counts[mark] === 0);
  }
}
