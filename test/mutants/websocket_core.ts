/**
 * Mutants of what the core does for WebSocket connections: the simulation finds them.
 *
 * @module
 */

import { type Group, unit } from "./mutant.ts";

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
        proof: unit("websocket_moments", "throws at an answer"),
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
        proof: unit("websocket_moments", "first of two texts"),
      },
      {
        in: "left",
        from: "(reason === closeReason ? closeDetail : detail)",
        to: "(closeDetail ?? detail)",
        why: "the text of a disconnect is that of any reason",
        proof: unit("websocket_moments", "text of a disconnect is not"),
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
