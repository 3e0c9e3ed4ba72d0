/**
 * Mutants of what the core publishes to WebSocket connections: the simulation finds them.
 *
 * @module
 */

import { type Group, unit } from "./mutant.ts";

/** The bugs that the simulation finds in feeds. */
export const WEBSOCKET_FEEDS: readonly Group[] = [
  {
    file: "src/broadcast/feed.ts",
    bugs: [
      {
        in: "add",
        from: "    else if (connection.full) this.#block(connection);\n",
        to: "",
        why: "a full socket is written to when its connection joins",
      },
      {
        in: "add",
        from: "    this.seal();\n",
        to: "",
        why: "a client of mobcast.u64 receives what was published before it joined",
      },
      {
        in: "finish",
        from: "    this.seal();\n",
        to: "",
        why: "a client of mobcast.u64 that leaves misses the end of its stream",
      },
      {
        in: "giveControl",
        from: "    this.#current.remove(connection);\n    this.#makeReady(connection);\n",
        to: "",
        why: "a pong waits for the next message",
      },
      {
        in: "#give",
        from: "    if (connection.control) this.#leaveFrame(connection);\n",
        to: "",
        why: "a pong goes into the middle of a message",
      },
      {
        in: "#leaveFrame",
        from: "this.log.framesBefore(boundary) - this.log.framesBefore(cursor)",
        to: "0",
        why: "the rest of a message before a pong counts as no frame",
      },
      {
        in: "#sendControl",
        from: "    if (taken > 0) this.#events.tookControl(connection);\n",
        to: "",
        why: "a client that takes pongs is stalled",
      },
      {
        in: "#give",
        from: "!full && (!connection.ending || this.#sendEnding(connection))",
        to: "!full",
        why: "no close frame is sent",
      },
      {
        in: "#give",
        from: "progressed && (!isDone || this.#options.idleTimeout > 0)",
        to: "progressed && (full || this.#options.idleTimeout > 0)",
        why: "a client that takes all but its close frame is stalled",
        proof: unit("websocket_moments", "not the close frame behind"),
      },
      {
        in: "#sendEnding",
        from: "return !connection.ending;",
        to: "return true;",
        why: "the rest of a close frame is lost",
      },
      {
        in: "hasPending",
        from: "connection.control !== undefined || connection.ending !== undefined",
        to: "connection.ending !== undefined",
        why: "a client that does not take a pong is not stalled",
      },
    ],
  },
  {
    file: "src/broadcast/control.ts",
    bugs: [
      {
        in: "MOST",
        from: "10",
        to: "11",
        why: "more control frames wait than may",
      },
      {
        in: "queueControl",
        from: "control.splice(1)",
        to: "control.splice(0)",
        why: "the rest of a control frame is lost behind many others",
      },
      {
        in: "sendControl",
        from: "control[0] = rest;",
        to: "",
        why: "a control frame begins anew where its socket was full",
      },
      {
        in: "sendControl",
        from: "  queue.control = undefined;\n",
        to: "",
        why: "control frames that were sent count on as waiting",
      },
    ],
  },
  {
    file: "src/broadcast/publisher.ts",
    bugs: [
      {
        in: "#markOwn",
        from: "    feed.seal();\n",
        to: "",
        why: "under echo others, what others sent before is left out with a client's own",
      },
      {
        in: "#leaveOut",
        from: "    feed.seal();\n",
        to: "",
        why: "under echo others, a client of mobcast.u64 receives its own",
      },
      {
        in: "sizeIn",
        from: "size += other.size(to - from);",
        to: "size += next - at;",
        why: "what WebSocket clients publish counts in their bytes",
      },
      {
        in: "publishPieces",
        from: "feed.framing.payloadAt(pieces[0]!, 0)",
        to: "feed.framing.header",
        why: "a long message of a WebSocket client counts with a part of its header",
      },
    ],
  },
  {
    file: "src/framing/server_frames.ts",
    bugs: [
      {
        in: "frameEnd",
        from: "if (length === IN_TWO_BYTES) length = (bytes[at - 2]! << 8) | bytes[at - 1]!;",
        to: "if (length === IN_TWO_BYTES) length = bytes[at - 1]!;",
        why: "a message over 255 bytes ends too early",
      },
    ],
  },
  {
    file: "src/websocket/feeds.ts",
    bugs: [
      {
        in: "seal",
        from: "this.#filled = this.#count = 0;",
        to: "this.#count = 0;",
        why: "a message of mobcast.u64 holds the one before, too",
      },
      {
        in: "seal",
        from: "this.#filled = this.#count = 0;",
        to: "this.#filled = 0;",
        why: "frames of mobcast.u64 are counted again in each message",
      },
      {
        in: "appendPieces",
        from: "this.#count++;",
        to: "",
        why: "a frame in pieces is not counted in mobcast.u64",
      },
      {
        in: "appendPayloadOf",
        from: "      this.#count++;\n",
        to: "",
        why: "a frame of another framing is not counted in mobcast.u64",
      },
      {
        in: "count",
        from: "count++",
        to: "count = 1",
        why: "a message of mobcast.u64 counts as one frame",
      },
      {
        in: "clear",
        from: "    this.#batch = undefined;\n",
        to: "",
        why: "the last client of mobcast.u64 leaves its batch behind",
      },
    ],
  },
  {
    file: "src/websocket/websocket.ts",
    bugs: [
      {
        in: "closing",
        from: '    if (reason === "end" && !closed) return undefined;\n',
        to: "",
        why: "a stream that ends without a close frame gets one",
      },
      {
        in: "answer",
        from: "opcode === PING ?",
        to: "opcode !== 8 ?",
        why: "a pong is answered",
      },
      {
        in: "refusal",
        from: "LISTS.test(why) ? 403 : 503",
        to: "503",
        why: "a client on a list is to come back later",
      },
      {
        in: "closing",
        from: "closeCodeOf(reason, decoder)",
        to: "closeCodeOf(reason, { closeCode: decoder.closeCode })",
        why: "every broken rule has the same close code",
      },
    ],
  },
];
