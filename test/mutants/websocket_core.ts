/**
 * Mutants of what the core does for WebSocket connections: the simulation finds them.
 *
 * @module
 */

import type { Group } from "./mutant.ts";

/** The bugs that the simulation finds. */
export const WEBSOCKET_CORE: readonly Group[] = [
  {
    file: "src/server/handshaker.ts",
    bugs: [
      {
        in: "refuse",
        from: "poll.ready(token, READABLE);",
        to: "void poll;",
        why: "what a refused client still sends is not read",
      },
      {
        in: "refuse",
        from: "    timeouts.linger.set(token);\n",
        to: "",
        why: "a refused client may stay for ever",
      },
      {
        in: "refuse",
        from: "    timeouts.handshake.clear(token);\n",
        to: "",
        why: "a refused client is refused once more when its time is over",
      },
      {
        in: "refuse",
        from: "    memory.forget(connection);\n",
        to: "",
        why: "what a refused client has sent counts on",
      },
      {
        in: "refuse",
        from: "    this.rejected(connection, reason, why);\n",
        to: "",
        why: "a client that is refused with an answer is not counted",
      },
      {
        in: "#read",
        from: "connection.protocol ? undefined : reply",
        to: "undefined",
        why: "a wrong request gets no answer",
      },
      {
        in: "#read",
        from: "    if (outcome.reply) queueControl(connection, outcome.reply);\n",
        to: "",
        why: "a right request gets no response",
      },
      {
        in: "close",
        from: 'connection.protocol?.closing("shutdown", connection.decoder) ?? ',
        to: "",
        why: "a closing mob sends a status to a client that is a WebSocket already",
      },
      {
        in: "#send",
        from: "connection.full || !connection.control",
        to: "!connection.control",
        why: "a full socket is written to again",
      },
      {
        in: "#send",
        from: "connection.full || !connection.control",
        to: "connection.full",
        why: "the stream of a refused client is ended twice",
      },
      {
        in: "#send",
        from: 'if (connection.phase === "refused") socket.shutdown();',
        to: "",
        why: "the stream of a refused client is not ended",
      },
      {
        in: "handle",
        from: "      connection.full = false;\n",
        to: "",
        why: "a socket that was full once is not written to again",
      },
      {
        in: "handle",
        from: "    this.#with.receiver.discard(connection);\n",
        to: "",
        why: "a refused client is not read from",
      },
      {
        in: "answer",
        from: "    this.#with.timeouts.linger.set(token);\n",
        to: "",
        why: "a client that is refused as it comes may stay for ever",
      },
      {
        in: "answer",
        from: "    this.#with.poll.ready(token, WRITABLE);\n",
        to: "",
        why: "a client that is refused as it comes gets no answer",
      },
      {
        in: "rejected",
        from: 'reason === "unauthorized" || reason === "handshake-failed"',
        to: 'reason === "unauthorized"',
        why: "a wrong request counts as refused",
      },
    ],
  },
  {
    file: "src/server/expiry.ts",
    bugs: [
      {
        in: "run",
        from: "    this.#late(timeouts.ping, (connection) => this.#ping(connection));\n",
        to: "",
        why: "a quiet connection is not pinged",
      },
      {
        in: "#ping",
        from: "bytesDelivered === deliveredAtPing && !control",
        to: "!control",
        why: "a connection that receives messages is pinged",
      },
      {
        in: "#ping",
        from: "bytesDelivered === deliveredAtPing && !control",
        to: "bytesDelivered === deliveredAtPing",
        why: "a connection is pinged while another ping waits",
      },
      {
        in: "#ping",
        from: "      poll.wake();\n",
        to: "",
        why: "a ping waits for the next tick that something else brings",
      },
      {
        in: "#ping",
        from: "    connection.deliveredAtPing = bytesDelivered;\n",
        to: "",
        why: "a connection that has received something is not pinged again",
      },
      {
        in: "#ping",
        from: "    timeouts.ping.set(token, timeouts.now);\n",
        to: "",
        why: "a connection is pinged once",
      },
      {
        in: "#late",
        from: "this.#with.failed(connection, error);",
        to: "throw error;",
        why: "a socket that throws at a deadline ends the tick",
        proof: { on: ["node"], tests: "test/unit/websocket_moments.test.ts", named: "throws at an answer" },
      },
    ],
  },
  {
    file: "src/server/lifecycle.ts",
    bugs: [
      {
        in: "left",
        from: "(reason === closeReason ? closeDetail : detail)",
        to: "detail ?? (reason === closeReason ? closeDetail : undefined)",
        why: "the last text of disconnect() stays",
        proof: { on: ["node"], tests: "test/unit/websocket_moments.test.ts", named: "first of two texts" },
      },
      {
        in: "left",
        from: "(reason === closeReason ? closeDetail : detail)",
        to: "(closeDetail ?? detail)",
        why: "the text of a disconnect is that of any reason",
        proof: { on: ["node"], tests: "test/unit/websocket_moments.test.ts", named: "text of a disconnect is not" },
      },
    ],
  },
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
        proof: { on: ["node"], tests: "test/unit/websocket_moments.test.ts", named: "not the close frame behind" },
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
  {
    file: "src/server/acceptor.ts",
    bugs: [
      {
        in: "#refused",
        from: "    connection.admitted = false;\n",
        to: "",
        why: "a client that is refused as it comes takes a place",
      },
      {
        in: "stop",
        from: "this.#answering = ANSWERS;",
        to: "",
        why: "a mob that has closed answers a client",
      },
    ],
  },
  {
    file: "src/server/arrivals.ts",
    bugs: [
      {
        in: "open",
        from: "    if (connection.protocol) timeouts.ping.set(token);\n",
        to: "",
        why: "no connection is pinged",
      },
    ],
  },
  {
    file: "src/server/dispatcher.ts",
    bugs: [
      {
        in: "#leave",
        from: "    if (connection.protocol) this.#poll.ready(connection.token, READABLE);\n",
        to: "",
        why: "what a client still sends when it leaves is not read, and a late one gets no close frame",
      },
      {
        in: "#end",
        from: '"open" && !behind && protocol',
        to: '"open" && protocol',
        why: "a client that takes nothing and breaks a rule stays until it is stalled",
      },
    ],
  },
  {
    file: "src/server/connection.ts",
    bugs: [
      {
        in: "takeReply",
        from: "queueControl(this, reply);",
        to: "",
        why: "a response before a secret is lost",
      },
    ],
  },
];
