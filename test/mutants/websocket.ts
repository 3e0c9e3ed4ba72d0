/**
 * Mutants of the WebSocket code without I/O: what it takes, what it refuses, and what it keeps.
 *
 * @module
 */

import type { Group, Proof } from "./mutant.ts";

function unit(file: string, named?: string): Proof {
  return { on: ["node"], tests: `test/unit/websocket_${file}.test.ts`, ...(named && { named }) };
}

/** The bugs of WebSocket. */
export const WEBSOCKET: readonly Group[] = [
  {
    file: "src/websocket/client_header.ts",
    proof: unit("rules"),
    bugs: [
      {
        in: "refusesFrame",
        from: "(second & MASKED) === 0",
        to: "false",
        why: "a frame without a mask is taken",
        sample: true,
      },
      {
        in: "RESERVED",
        from: "0x70",
        to: "0x60",
        why: "a frame may have the third reserved bit",
      },
      {
        in: "refusesFrame",
        from: "(second & 127) > LONGEST_CONTROL",
        to: "(second & 127) > LONGEST_CONTROL + 1",
        why: "a control frame may have 126 bytes",
      },
      {
        in: "refusesFrame",
        from: 'if ((first & FIN) === 0) return "a control frame is a fragment";',
        to: "",
        why: "a control frame may be a fragment",
      },
      {
        in: "refusesFrame",
        from: "return opcode === CONTINUATION ? undefined :",
        to: "return opcode !== 99 ? undefined :",
        why: "a message may begin inside another",
      },
      {
        in: "refusesFrame",
        from: 'return opcode === CONTINUATION ? "a continuation continues nothing" : undefined;',
        to: "return undefined;",
        why: "a continuation may continue nothing",
      },
      {
        in: "declaredLength",
        from: "length < 126 ? -1 : length",
        to: "length",
        why: "a length of two bytes need not be the shortest",
      },
      {
        in: "declaredLength",
        from: "high >= 2 ** 31 || ",
        to: "",
        why: "the highest bit of a length does not matter",
      },
      {
        in: "declaredLength",
        from: "high * 2 ** 32 + low",
        to: "low",
        why: "the upper half of a length is not looked at",
      },
    ],
  },
  {
    file: "src/websocket/client_frames.ts",
    proof: unit("decoder"),
    bugs: [
      {
        in: "#declare",
        from: "this.#length + length > this.maxMessage",
        to: "length > this.maxMessage",
        why: "each fragment may have maxFrame bytes",
        proof: unit("decoder", "refuses one more from its header"),
      },
      {
        in: "pending",
        from: "this.kind === 0 ? 0 : 1 +",
        to: "this.kind === 0 ? 0 :",
        why: "a message that began with an empty fragment is no message",
        proof: unit("decoder", "from its first byte to its last"),
      },
      {
        in: "pending",
        from: "(this.#control ? 0 : this.#left)",
        to: "this.#left",
        why: "half a control frame takes away from what is pending",
        proof: unit("decoder", "from its first byte to its last"),
      },
      {
        in: "#endControl",
        from: "if (this.kind === 0 && this.between) this.completed++;",
        to: "this.completed++;",
        why: "a ping inside a message renews the deadline of the message",
      },
      {
        in: "#payload",
        from: "this.phase = (this.phase + end - at) & 3;",
        to: "this.phase = 0;",
        why: "each part of a payload begins with the first byte of the mask",
      },
      {
        in: "#end",
        from: "      this.kind = this.#length = 0;\n",
        to: "      this.kind = 0;\n",
        why: "the bytes of all messages together may not be over maxFrame",
      },
      {
        in: "#end",
        from: "      this.flush(sink);\n",
        to: "",
        why: "in mobcast.u64 a ping overtakes the frames before it",
        proof: unit("packed"),
      },
      {
        in: "#endEmpty",
        from: "    this.flush(sink);\n",
        to: "",
        why: "whether an empty message is inside a frame is told before the frame is decoded",
        proof: unit("packed"),
      },
      {
        in: "decode",
        from: "    if (this.#failure || this.#closed) this.reset();\n",
        to: "",
        why: "a message that is refused stays in memory",
        proof: unit("rules"),
      },
      {
        in: "decode",
        from: "!this.#failure && !this.#closed",
        to: "!this.#failure",
        why: "frames behind a close frame are taken",
        proof: unit("rules", "after a close frame"),
      },
      {
        in: "#close",
        from: "payload.length === 1",
        to: "payload.length === 999",
        why: "a close frame may have half a code",
        proof: unit("rules"),
      },
      {
        in: "#close",
        from: "code !== undefined && !isCloseCode(code)",
        to: "code === 0",
        why: "a close frame may have any code",
        proof: unit("rules"),
      },
      {
        in: "#close",
        from: "readUtf8(WHOLE, payload, 2, payload.length) !== WHOLE",
        to: "payload.length === 999",
        why: "a close reason may be any bytes",
        proof: unit("rules"),
      },
      {
        in: "#begin",
        from: "if (this.#headerLength === 2 && !this.#allows(header[0]!, header[1]!)) return at;",
        to: "if (this.#headerLength === 6 && !this.#allows(header[0]!, header[1]!)) return at;",
        why: "a rule that the first two bytes break waits for the mask",
        proof: unit("rules", "in its first two bytes"),
      },
    ],
  },
  {
    file: "src/websocket/decoder.ts",
    proof: unit("decoder"),
    bugs: [
      {
        in: "decode",
        from: "    loaded.chunk = undefined;\n",
        to: "",
        why: "a chunk in the memory of the one before is taken for it",
        proof: unit("decoder", "same memory"),
      },
      {
        in: "messages",
        from: " || first > loaded.to",
        to: "",
        why: "a frame that the scratch cuts is looked for behind it",
      },
      {
        in: "messages",
        from: "if (loaded.chunk !== chunk || at < loaded.from || first > loaded.to) load(chunk, at);",
        to: "load(chunk, at);",
        why: "each run copies the rest of the chunk again",
        proof: unit("decoder", "by its length alone"),
      },
      {
        in: "part",
        from: "this.kind === TEXT && !(isAscii && this.#text === WHOLE)",
        to: "this.kind === TEXT && !isAscii",
        why: "ASCII behind half a character is not looked at",
        proof: unit("rules"),
      },
      {
        in: "part",
        from: "if (this.#text === BROKEN) return this.#refuseText();",
        to: "",
        why: "text that is wrong in a fragment waits for the last one",
        proof: unit("rules", "whose first fragment is wrong"),
      },
      {
        in: "whole",
        from: "    if (this.#text !== WHOLE) return this.#refuseText();\n",
        to: "",
        why: "text in parts may end inside a character",
        proof: unit("rules"),
      },
      {
        in: "whole",
        from: "    partial.clear();\n",
        to: "",
        why: "a message in parts comes again with the next one",
      },
      {
        in: "move",
        from: "!isText || isAscii || readUtf8(WHOLE, SCRATCH, to, to + end - payload) === WHOLE",
        to: "!isText || isAscii || readUtf8(WHOLE, SCRATCH, to, to + end - payload) < 8",
        why: "text in one frame may end inside a character",
        proof: unit("rules"),
      },
      {
        in: "plainEnd",
        from: "length > maxFrame || ",
        to: "",
        why: "a whole frame may be over maxFrame",
        proof: unit("decoder", "refuses one more from its header"),
      },
      {
        in: "plainEnd",
        from: "    if (length < 126) return 0;\n",
        to: "",
        why: "a whole frame may have a length that is not the shortest",
        proof: unit("rules"),
      },
    ],
  },
  {
    file: "src/websocket/packed_decoder.ts",
    proof: unit("packed"),
    bugs: [
      {
        in: "between",
        from: "this.#frames.pending === 0",
        to: "true",
        why: "an empty message inside a frame renews the frame's deadline",
      },
      {
        in: "part",
        from: "if (this.#filled === SCRATCH.length) this.flush(sink);",
        to: "if (this.#filled === SCRATCH.length) this.#filled = 0;",
        why: "what fills the scratch is lost",
      },
      {
        in: "part",
        from: "const phase = this.phase + at - from;",
        to: "const phase = this.phase;",
        why: "the mask begins anew where the scratch is full",
      },
      {
        in: "pending",
        from: "super.pending + this.#frames.pending",
        to: "super.pending",
        why: "an end of a message inside a frame is a boundary",
      },
      {
        in: "flush",
        from: 'if (this.#frames.failed) this.fail(1009, "a frame is over maxFrame");',
        to: "",
        why: "a frame over maxFrame inside a message ends nothing",
      },
    ],
  },
  {
    file: "src/websocket/mask.ts",
    proof: unit("frame", "unmask"),
    bugs: [
      {
        in: "unmask",
        from: "const turn = source - phase;",
        to: "const turn = source;",
        why: "the mask of words does not turn with the place in the payload",
      },
      {
        in: "unmask",
        from: "    from = last << 2;\n",
        to: "",
        why: "what was unmasked by words is unmasked again by bytes",
      },
      {
        in: "unmask",
        from: "const wordsBack = back >> 2;",
        to: "const wordsBack = 0;",
        why: "words do not move",
      },
      {
        in: "NOT_ASCII",
        from: "0x80808080",
        to: "0x00000080",
        why: "a word is ASCII when its first byte is",
      },
    ],
  },
  {
    file: "src/websocket/utf8.ts",
    proof: unit("frame", "readUtf8"),
    bugs: [
      {
        in: "behindFirst",
        from: "byte === 0xe0 ? AFTER_E0 : ",
        to: "",
        why: "a character of two bytes may be written in three",
      },
      {
        in: "behindFirst",
        from: "byte === 0xed ? AFTER_ED : ",
        to: "",
        why: "half a surrogate pair is UTF-8",
      },
      {
        in: "behindFirst",
        from: "byte === 0xf4 ? AFTER_F4 : ",
        to: "",
        why: "there are characters beyond U+10FFFF",
      },
      {
        in: "behindFirst",
        from: "byte < 0xc2",
        to: "byte < 0xc0",
        why: "ASCII may be written in two bytes",
      },
    ],
  },
  {
    file: "src/framing/server_frames.ts",
    proof: unit("frame"),
    bugs: [
      {
        in: "writeHeader",
        from: "  target.fill(0, at + 2, at + 6);\n",
        to: "",
        why: "the upper half of a length is what was there before",
      },
      {
        in: "headerSize",
        from: "length <= 65535",
        to: "length < 65535",
        why: "the size of a header and the header differ at one length",
      },
    ],
  },
  {
    file: "src/websocket/frame.ts",
    proof: unit("frame"),
    bugs: [
      {
        in: "closeFrame",
        from: "(text[length]! & 0xc0) === 0x80",
        to: "false",
        why: "a close reason is cut inside a character",
      },
    ],
  },
  {
    file: "src/websocket/close.ts",
    proof: unit("frame"),
    bugs: [
      {
        in: "closeCodeOf",
        from: 'if (reason === "end" && state?.closeCode !== undefined) return state.closeCode;',
        to: "",
        why: "a close is not answered with the client's code",
      },
      {
        in: "closeCodeOf",
        from: "Object.hasOwn(CODES, reason) ? CODES[reason] : undefined",
        to: "CODES[reason] ?? 1000",
        why: "a client that does not read is sent a close frame",
      },
      {
        in: "isCloseCode",
        from: " && (code <= 1003 || code >= 1007)",
        to: "",
        why: "a close frame may have the codes that are only names",
      },
    ],
  },
  {
    file: "src/websocket/upgrade.ts",
    proof: unit("upgrade"),
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
    proof: unit("upgrade"),
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
    proof: unit("origin"),
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
    proof: unit("origin"),
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
    proof: unit("upgrade", "chain|replies at once"),
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
        proof: unit("upgrade", "HandshakeReader"),
      },
      {
        in: "read",
        from: "if (!chunk) return withReply(reply, MORE);",
        to: "if (!chunk) return MORE;",
        why: "a reply is lost when no more bytes come",
        proof: unit("upgrade", "HandshakeReader"),
      },
      {
        in: "withReply",
        from: "own ? concatenate([reply, own], reply.length + own.length) : reply",
        to: "own ?? reply",
        why: "the reply of a step replaces the one before",
        proof: unit("upgrade", "HandshakeReader"),
      },
      {
        in: "read",
        from: "return withReply(reply, LEFT);",
        to: "return LEFT;",
        why: "a reply is lost when the client leaves in the same read",
        proof: unit("upgrade", "HandshakeReader"),
      },
    ],
  },
  {
    file: "src/websocket/websocket.ts",
    proof: unit("admission", "the secret is the first message"),
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
    proof: unit("server", "a deadline that passes in a quiet mob"),
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
