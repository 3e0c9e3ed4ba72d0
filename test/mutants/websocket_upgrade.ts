/**
 * Mutants of WebSocket handshakes: which are accepted, from which pages, and what is answered.
 *
 * @module
 */

import { type Group, unit } from "./mutant.ts";

/** The bugs of handshakes. */
export const WEBSOCKET_UPGRADE: readonly Group[] = [
  {
    file: "src/websocket/upgrade.ts",
    proof: unit("websocket_upgrade"),
    bugs: [
      {
        in: "receive",
        from: "if (kept[at - 1] !== CR) return rejected(BARE_LF);",
        to: "",
        why: "a bare line feed ends a line of a request",
      },
      {
        in: "receive",
        from: "kept.indexOf(LF, before)",
        to: "kept.indexOf(LF, before + 1)",
        why: "a line feed at the start of a chunk is not seen",
      },
      {
        in: "receive",
        from: "chunk.subarray(at + 1 - before)",
        to: "chunk.subarray(at + 1)",
        why: "frames behind a head in parts are lost",
      },
      {
        in: "receive",
        from: "this.#length < LONGEST_HEAD ? MORE",
        to: "this.#length <= LONGEST_HEAD ? MORE",
        why: "a head of any length waits for its end",
      },
      {
        in: "#answer",
        from: "if (!mayConnect(origin, host, this.#rules)) {",
        to: "if (this.#rules.origins.length > 99 && !mayConnect(origin, host, this.#rules)) {",
        why: "every page may connect",
      },
      {
        in: "#answer",
        from: "protocols.length > 0 && protocol === undefined",
        to: "protocols.length > 99",
        why: "a subprotocol that is unknown is not refused",
      },
    ],
  },
  {
    file: "src/websocket/request.ts",
    proof: unit("websocket_upgrade"),
    bugs: [
      {
        in: "ONCE",
        from: '"sec-websocket-key", ',
        to: "",
        why: "a request may have two keys",
      },
      {
        in: "readHeaders",
        from: 'if (/^[ \\t]/.test(line)) return bad("a header is folded over two lines, write it in one");',
        to: "if (/^[ \\t]/.test(line)) continue;",
        why: "a folded header is left out",
      },
      {
        in: "readUpgrade",
        from: 'headers.has("transfer-encoding") || ',
        to: "",
        why: "a body in chunks is taken for frames",
      },
      {
        in: "readUpgrade",
        from: 'headers.get("sec-websocket-version") !== "13"',
        to: '!headers.has("sec-websocket-version")',
        why: "any version of the protocol is accepted",
      },
      {
        in: "readUpgrade",
        from: 'version !== "1.1"',
        to: 'version === "2.0"',
        why: "a request of HTTP/1.0 is accepted",
      },
    ],
  },
  {
    file: "src/websocket/may_connect.ts",
    proof: unit("websocket_origin"),
    bugs: [
      {
        in: "mayConnect",
        from: "(!loopback || isLocal(given.name))",
        to: "true",
        why: "a page whose name was pointed to loopback may connect",
      },
      {
        in: "mayConnect",
        from: "given.name === hostName(host)",
        to: "hostName(host)!.endsWith(given.name)",
        why: "a page of a part of the host's name may connect",
      },
      {
        in: "isLocal",
        from: 'name.endsWith(".localhost")',
        to: 'name.endsWith("localhost")',
        why: "a name that ends like localhost is of this machine",
      },
    ],
  },
  {
    file: "src/websocket/origin.ts",
    proof: unit("websocket_origin"),
    bugs: [
      {
        in: "parseOrigin",
        from: '`${scheme}://${name}:${number ?? ""}`',
        to: '`${name}:${number ?? ""}`',
        why: "a listed origin is listed in every scheme",
      },
    ],
  },
  {
    file: "src/admission/handshake.ts",
    proof: unit("websocket_upgrade", "chain|replies at once"),
    bugs: [
      {
        in: "chain",
        from: "if (reply) connection.takeReply(reply);",
        to: "",
        why: "the reply of a step before another one is lost",
      },
      {
        in: "read",
        from: "result = withReply(reply, handshake.receive(chunk));",
        to: "result = handshake.receive(chunk);",
        why: "a reply is lost when more bytes come in the same read",
        proof: unit("websocket_upgrade", "HandshakeReader"),
      },
      {
        in: "read",
        from: "if (!chunk) return withReply(reply, MORE);",
        to: "if (!chunk) return MORE;",
        why: "a reply is lost when no more bytes come",
        proof: unit("websocket_upgrade", "HandshakeReader"),
      },
      {
        in: "withReply",
        from: "own ? concatenate([reply, own], reply.length + own.length) : reply",
        to: "own ?? reply",
        why: "the reply of a step replaces the one before",
        proof: unit("websocket_upgrade", "HandshakeReader"),
      },
      {
        in: "read",
        from: "return withReply(reply, LEFT);",
        to: "return LEFT;",
        why: "a reply is lost when the client leaves in the same read",
        proof: unit("websocket_upgrade", "HandshakeReader"),
      },
    ],
  },
  {
    file: "src/websocket/websocket.ts",
    proof: unit("websocket_admission", "the secret is the first message"),
    bugs: [
      {
        in: "closing",
        from: "isFault && failure ?",
        to: "failure ?",
        why: "a secret that is too long is told so",
      },
    ],
  },
  {
    file: "src/server/dispatcher.ts",
    proof: unit("websocket_server", "a deadline that passes in a quiet mob"),
    bugs: [
      {
        in: "#leave",
        from: "    if (connection.protocol) this.#poll.ready(connection.token, READABLE);\n",
        to: "",
        why: "the close frame of a deadline waits for the next event",
      },
    ],
  },
];
