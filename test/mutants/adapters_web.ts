/**
 * Mutants of the adapters: WebSockets of clients, and HTTP.
 *
 * @module
 */

import { type Group, unit } from "./mutant.ts";

/** The bugs of WebSockets and HTTP. */
export const WEB_ADAPTERS: readonly Group[] = [
  {
    file: "adapters/shared/close_frame.ts",
    proof: unit("websocket_client"),
    bugs: [
      {
        in: "IN_ORDER",
        from: "[1000, 1001, 1005]",
        to: "[1000, 1005]",
        why: "a mob that goes away has broken the connection",
        proof: unit("websocket_client_end"),
      },
      {
        in: "closeFrameOf",
        from: "code === 1000 || ",
        to: "code === 1000 || code === 1001 || ",
        why: "a mob that goes away has received everything",
        proof: unit("websocket_client_end"),
      },
      {
        in: "closeFrameOf",
        from: "CODES[code] ??",
        to: "CODES[1008] ??",
        why: "every code is a refusal",
        proof: unit("websocket_client_end"),
      },
    ],
  },
  {
    file: "adapters/shared/websocket.ts",
    proof: unit("websocket_client"),
    bugs: [
      {
        in: "write",
        from: "while (taken < bytes.length && socket.bufferedAmount < SEND_LIMIT)",
        to: "while (taken < bytes.length)",
        why: "a WebSocket takes everything, and memory has no bound",
        sample: true,
      },
      {
        in: "write",
        from: "Math.min(taken + MESSAGE, bytes.length)",
        to: "bytes.length",
        why: "a message has more than 65,535 bytes",
      },
      {
        in: "write",
        from: "      this.#look();\n",
        to: "",
        why: "a short write is not followed by WRITABLE",
      },
      {
        in: "shutdown",
        from: "if (this.#socket.bufferedAmount === 0) this.#sayGoodbye();",
        to: "if (this.#socket.bufferedAmount >= 0) this.#sayGoodbye();",
        why: "the close frame does not wait for what is unsent",
        proof: unit("websocket_client_end"),
      },
      {
        in: "#message",
        from: "this.#inbox.retainedBytes > RECEIVE_LIMIT",
        to: "false",
        why: "what nobody reads piles up without bound",
      },
      {
        in: "close",
        from: "    this.#cancelLook?.();\n",
        to: "",
        why: "a WebSocket that is closed is looked at",
        proof: unit("websocket_client_end"),
      },
      {
        in: "close",
        from: "    drop(this.#socket);\n",
        to: "",
        why: "a WebSocket of a client that is over stays open",
      },
      {
        in: "#hangUp",
        from: "else if (this.#shutDue && !this.#shut)",
        to: "else if (false)",
        why: "a close of the mob passes for the answer to ours",
        proof: unit("websocket_client_end"),
      },
      {
        in: "#lookLater",
        from: "Math.min(2 * this.#pause, LONGEST_LOOK)",
        to: "FIRST_LOOK",
        why: "a WebSocket that does not move is looked at all the time",
      },
      {
        in: "#lookLater",
        from: "      if (!this.#writableDue && !this.#shutDue) return;\n",
        to: "",
        why: "a WebSocket is looked at when nothing depends on it",
      },
      {
        in: "#lookLater",
        from: "bufferedAmount <= SEND_LIMIT / 2",
        to: "bufferedAmount <= 2 * SEND_LIMIT",
        why: "WRITABLE comes without room",
      },
      {
        in: "overWebSocket.connectWebSocket",
        from: "if (socket.protocol !== PROTOCOL)",
        to: "if (false)",
        why: "a server that does not speak mobcast.u64 is a mob",
      },
      {
        in: "overWebSocket.connectWebSocket",
        from: "        socket.onerror = (event) => fail(failureOf(event));\n",
        to: "",
        why: "a WebSocket that fails without a close event is waited for",
      },
    ],
  },
  {
    file: "adapters/http/http_connection.ts",
    proof: unit("http_server"),
    bugs: [
      {
        in: "drop",
        from: " || !canReset(this.#socket)",
        to: "",
        why: "a connection is reset while its shutdown is under way, and lost",
        proof: unit("http_tls"),
      },
      {
        in: "#send",
        from: 'if (!response.write(part)) await this.#next(response, "drain");',
        to: "response.write(part);",
        why: "a body is read on while its client does not read",
        proof: unit("http_limits"),
      },
      {
        in: "begin",
        from: "    this.#deadline(this.#times.headTimeout);\n",
        to: "",
        why: "a head may take for ever",
        proof: unit("http_limits"),
      },
      {
        in: "request",
        from: "if (++this.#unanswered > PIPELINED) return this.drop();",
        to: "++this.#unanswered;",
        why: "any number of requests waits",
        proof: unit("http_limits"),
      },
      {
        in: "gone",
        from: "    this.#interrupt();\n",
        to: "",
        why: "a body goes on without its client",
        proof: unit("http_limits"),
      },
      {
        in: "leave",
        from: "    this.#interrupt();\n",
        to: "",
        why: "closing waits for a stream, and then breaks it",
        proof: unit("http_limits"),
      },
    ],
  },
  {
    file: "adapters/http/http_server.ts",
    proof: unit("http_server"),
    bugs: [
      {
        in: "#arrived",
        from: "this.#connections.size >= this.#limits.connections",
        to: "this.#connections.size > this.#limits.connections",
        why: "one connection too many",
        proof: unit("http_limits"),
      },
      {
        in: "#arrived",
        from: "      this.#connections.delete(connection);\n",
        to: "",
        why: "a connection that is over keeps its place",
        proof: unit("http_limits"),
      },
      {
        in: "#arrived",
        from: " || !this.#options.allows(remoteAddress)",
        to: "",
        why: "a client that is not allowed is served",
      },
      {
        in: "HttpServer.constructor",
        from: "      maxHeaderSize: limits.head,\n",
        to: "",
        why: "a head has 16 KiB",
      },
    ],
  },
  {
    file: "adapters/http/http_request.ts",
    proof: unit("http_server"),
    bugs: [
      {
        in: "readRequest",
        from: 'if (names.filter((name) => name.toLowerCase() === "host").length !== 1) return "host";',
        to: 'if (headers.host === undefined) return "host";',
        why: "a second Host header is ignored",
      },
      {
        in: "readRequest",
        from: ' || headers["transfer-encoding"] !== undefined',
        to: "",
        why: "a body in chunks is taken",
      },
    ],
  },
];
