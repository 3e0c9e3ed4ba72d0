/**
 * Mutants of a mob on a bus, which its unit tests find.
 *
 * @module
 */

import { type Group, type Proof, unit } from "./mutant.ts";

const proof: Proof = unit("bus");
const PRESSURE: Proof = unit("bus_pressure");
const GAPS: Proof = unit("bus_gaps");
const BATCHES: Proof = unit("bus_batches");

/** The bugs of a mob's end of a bus. */
export const BUS: readonly Group[] = [
  {
    file: "src/bus/batch.ts",
    proof,
    bugs: [
      {
        in: "readRuns",
        from: "countFrames(framing, batch, start, end, maxFrame) !== frames",
        to: "false",
        why: "what comes over a bus is taken for whole frames",
        proof: GAPS,
        sample: true,
      },
      {
        in: "readRuns",
        from: "frames === 0 || ",
        to: "",
        why: "a run without frames is taken",
        proof: GAPS,
      },
      {
        in: "readRuns",
        from: "!framing || ",
        to: "",
        why: "an unknown framing breaks the mob",
        proof: GAPS,
      },
      {
        in: "countFrames",
        from: "length <= 0 || ",
        to: "",
        why: "a ping of the bus is published",
        proof: GAPS,
      },
      {
        in: "countFrames",
        from: "framing === WEBSOCKET && !isMessage(bytes, at, from, next)",
        to: "false",
        why: "a control frame of the bus is published to browsers",
        proof: GAPS,
      },
      {
        in: "isMessage",
        from: "readUint32(bytes, at + 2) !== 0",
        to: "false",
        why: "a length over 2^32 of the bus is published to browsers",
        proof: BATCHES,
      },
    ],
  },
  {
    file: "src/bus/outgoing.ts",
    proof,
    bugs: [
      {
        in: "Outgoing.add",
        from: "      left -= frames;\n",
        to: "",
        why: "frames of a batch that is full are counted twice",
        proof: BATCHES,
      },
      {
        in: "addPieces",
        from: "if (!batch || batch.size + length > this.#batchSize) this.#begin();",
        to: "if (!batch) this.#begin();",
        why: "a frame in pieces makes a batch too large",
        proof: BATCHES,
      },
      {
        in: "offer",
        from: "if (batch === this.#filling) this.#filling = undefined;",
        to: "",
        why: "a batch that went out is filled on",
        sample: true,
      },
      { in: "OutgoingBatch.add", from: "last.token === token && ", to: "", why: "frames are another sender's" },
      {
        in: "settle",
        from: "    this.#taken.delete(number);\n",
        to: "",
        why: "a batch is back twice",
        proof: GAPS,
      },
      {
        in: "#put",
        from: "if (sender) sender.inFlight += frames;",
        to: "",
        why: "no connection waits for its own frames",
      },
    ],
  },
  {
    file: "src/bus/bus.ts",
    proof,
    bugs: [
      {
        in: "backpressure",
        from: " || this.#isFull",
        to: "",
        why: "a mob whose bus is away reads without bound",
        proof: PRESSURE,
        sample: true,
      },
      { in: "backpressure", from: "publisher.backpressure || ", to: "", why: "under block a mob on a bus reads on" },
      {
        in: "empty",
        from: " && !this.#own",
        to: "",
        why: "a closing mob leaves in the middle of its last batch",
        proof: GAPS,
      },
      {
        in: "tick",
        from: "    if (left <= 0) this.#host.wake();\n",
        to: "",
        why: "what is over the budget waits for an event",
      },
      {
        in: "tick",
        from: "if (publisher.backpressure) this.#held = true;\n      else if",
        to: "if",
        why: "under block what is back is published although a connection holds all back",
        proof: PRESSURE,
      },
      {
        in: "#begin",
        from: "!runs || !isOurs",
        to: "!runs",
        why: "a forged batch is published as ours",
        proof: GAPS,
      },
      {
        in: "#begin",
        from: "sent && this.#host.leavesOut ? sent.shares : runs",
        to: "runs",
        why: "under echo others a connection receives its own frames from the bus",
      },
      {
        in: "#begin",
        from: "own === undefined ? this.#lostOf(late)",
        to: "own === undefined ? undefined",
        why: "a batch that was lost and comes after all is refused",
        proof: GAPS,
      },
      {
        in: "#begin",
        from: "if (number !== undefined) this.#lostLast = undefined;",
        to: "",
        why: "a batch that was lost and comes after all is published twice",
        proof: GAPS,
      },
      {
        in: "#publish",
        from: "if (end - this.#at > most) {",
        to: "if (false) {",
        why: "a batch is published in one tick",
        proof: PRESSURE,
      },
      {
        in: "#settled",
        from: "if (sender.inFlight === 0) this.#host.returned(sender);",
        to: "",
        why: "a connection waits for ever",
      },
      {
        in: "#gap",
        from: "this.#settled(batch);",
        to: "",
        why: "a connection waits for frames that are lost",
        proof: GAPS,
      },
      {
        in: "#gap",
        from: "    this.#host.gap(gap);\n",
        to: "",
        why: "frames are lost silently",
        proof: GAPS,
      },
      {
        in: "#isAway",
        from: "if (why !== was) ",
        to: "",
        why: "each try to reach the bus is an event",
        proof: GAPS,
      },
    ],
  },
  {
    file: "src/server/on_bus.ts",
    proof,
    bugs: [
      {
        in: "awaits",
        from: "connection.inFlight > 0 || ",
        to: "",
        why: "a client that ends its stream misses its own frames",
      },
      {
        in: "awaits",
        from: " || (this.#draining && !this.link.empty)",
        to: "",
        why: "a closing mob does not wait for its frames",
      },
      {
        in: "awaits",
        from: "if (isAwaited) this.#with.timeouts.returning.set(connection.token);",
        to: "",
        why: "a connection waits for its frames for ever",
      },
      {
        in: "#gap",
        from: "    if (goesOn) return;\n",
        to: "",
        why: "under skip a gap cuts everything off",
        proof: GAPS,
      },
      {
        in: "#gap",
        from: "    lifecycle.missed(gap, goesOn);\n",
        to: "",
        why: "a gap is not told",
        proof: GAPS,
      },
    ],
  },
  {
    file: "src/server/receiver.ts",
    proof,
    bugs: [
      {
        in: "beginTick",
        from: "this.#ends.size > 0 && !this.#uplink.holdsEnds) {",
        to: "false) {",
        why: "a connection that ends while the bus is away is never read",
        proof: PRESSURE,
      },
      {
        in: "holdsEnd",
        from: "if (this.#uplink.holdsEnds) ",
        to: "if (false) ",
        why: "connections that come and go while the bus is away fill memory",
        proof: PRESSURE,
      },
      {
        in: "holds",
        from: " || this.#ends.has(connection)",
        to: "",
        why: "a connection that has ended is idle while the bus is away, and its last frames are lost",
        proof: PRESSURE,
      },
      {
        in: "forget",
        from: "    this.#ends.delete(connection);\n",
        to: "",
        why: "the end of a connection that was disconnected is kept",
        proof: PRESSURE,
      },
    ],
  },
  {
    file: "src/server/dispatcher.ts",
    proof,
    bugs: [
      {
        in: "#isDrained",
        from: " && (this.#dropped || !this.bus || this.bus.link.empty)",
        to: "",
        why: "a closing mob without connections forgets what the application has published",
      },
      {
        in: "#isDrained",
        from: "!this.#draining && ",
        to: "",
        why: "what a hook publishes before it closes the mob is lost",
        proof: unit("application"),
      },
      { in: "#isDrained", from: "this.#dropped || ", to: "", why: "a mob whose bus is away never closes" },
    ],
  },
  {
    file: "src/server/expiry.ts",
    proof,
    bugs: [
      {
        in: "run",
        from: "      depart(connection);\n      // This tick has written already.\n      poll.wake();\n",
        to: "      depart(connection);\n",
        why: "a connection that waited too long for its frames waits for another event",
      },
    ],
  },
];

const worlds: Proof = {
  on: ["deno"],
  tests: "test/simulation/bus_worlds.test.ts",
  named: "seeds of worlds with a bus hold",
};

/** Bugs that worlds of several mobs find, with a past, clients that resume, and WebSocket clients. */
export const BUS_WORLDS: readonly Group[] = [
  {
    file: "src/server/on_bus.ts",
    proof: worlds,
    bugs: [
      {
        in: "#gap",
        from: "    publisher.forget();\n",
        to: "    if (goesOn) publisher.forget();\n",
        why: "a client that comes behind a gap gets what came before it, as if nothing were missing",
      },
      {
        in: "#gap",
        from: 'connection.phase === "open" || connection.phase === "returning"',
        to: 'connection.phase === "open"',
        why: "a connection that waits for its own last frames gets what comes behind a gap",
      },
    ],
  },
  {
    file: "src/server/dispatcher.ts",
    proof: worlds,
    bugs: [
      {
        in: "#depart",
        from: "connection.protocol?.closing(connection.closeReason!, connection.decoder)",
        to:
          'connection.closeReason === "gap" ? undefined : connection.protocol?.closing(connection.closeReason!, connection.decoder)',
        why: "a WebSocket client of a mob that has missed something is not told so",
      },
    ],
  },
  {
    file: "src/bus/bus.ts",
    proof: worlds,
    bugs: [
      {
        in: "#end",
        from: "if (this.#sequence !== undefined) ",
        to: "if (this.#sequence !== undefined && !own) ",
        why: "a mob takes what it was told of a place behind its own batch for one before that",
      },
    ],
  },
];
