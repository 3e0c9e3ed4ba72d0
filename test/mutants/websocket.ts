/**
 * Mutants of the WebSocket code without I/O: what it takes, what it refuses, and what it keeps.
 *
 * @module
 */

import { type Group, unit } from "./mutant.ts";

/** The bugs of frames. */
export const WEBSOCKET: readonly Group[] = [
  {
    file: "src/websocket/client_header.ts",
    proof: unit("websocket_rules"),
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
    proof: unit("websocket_decoder"),
    bugs: [
      {
        in: "#declare",
        from: "this.#length + length > this.maxMessage",
        to: "length > this.maxMessage",
        why: "each fragment may have maxFrame bytes",
        proof: unit("websocket_decoder", "refuses one more from its header"),
      },
      {
        in: "pending",
        from: "this.kind === 0 ? 0 : 1 +",
        to: "this.kind === 0 ? 0 :",
        why: "a message that began with an empty fragment is no message",
        proof: unit("websocket_decoder", "from its first byte to its last"),
      },
      {
        in: "pending",
        from: "(this.#control ? 0 : this.#left)",
        to: "this.#left",
        why: "half a control frame takes away from what is pending",
        proof: unit("websocket_decoder", "from its first byte to its last"),
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
        proof: unit("websocket_packed"),
      },
      {
        in: "#endEmpty",
        from: "    this.flush(sink);\n",
        to: "",
        why: "whether an empty message is inside a frame is told before the frame is decoded",
        proof: unit("websocket_packed"),
      },
      {
        in: "decode",
        from: "    if (this.#failure || this.#closed) this.reset();\n",
        to: "",
        why: "a message that is refused stays in memory",
        proof: unit("websocket_rules"),
      },
      {
        in: "decode",
        from: "!this.#failure && !this.#closed",
        to: "!this.#failure",
        why: "frames behind a close frame are taken",
        proof: unit("websocket_rules", "after a close frame"),
      },
      {
        in: "#close",
        from: "payload.length === 1",
        to: "payload.length === 999",
        why: "a close frame may have half a code",
        proof: unit("websocket_rules"),
      },
      {
        in: "#close",
        from: "code !== undefined && !isCloseCode(code)",
        to: "code === 0",
        why: "a close frame may have any code",
        proof: unit("websocket_rules"),
      },
      {
        in: "#close",
        from: "readUtf8(WHOLE, payload, 2, payload.length) !== WHOLE",
        to: "payload.length === 999",
        why: "a close reason may be any bytes",
        proof: unit("websocket_rules"),
      },
      {
        in: "#begin",
        from: "if (this.#headerLength === 2 && !this.#allows(header[0]!, header[1]!)) return at;",
        to: "if (this.#headerLength === 6 && !this.#allows(header[0]!, header[1]!)) return at;",
        why: "a rule that the first two bytes break waits for the mask",
        proof: unit("websocket_rules", "in its first two bytes"),
      },
    ],
  },
  {
    file: "src/websocket/decoder.ts",
    proof: unit("websocket_decoder"),
    bugs: [
      {
        in: "decode",
        from: "    loaded.chunk = undefined;\n",
        to: "",
        why: "a chunk in the memory of the one before is taken for it",
        proof: unit("websocket_decoder", "same memory"),
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
        proof: unit("websocket_decoder", "by its length alone"),
      },
      {
        in: "part",
        from: "this.kind === TEXT && !(isAscii && this.#text === WHOLE)",
        to: "this.kind === TEXT && !isAscii",
        why: "ASCII behind half a character is not looked at",
        proof: unit("websocket_rules"),
      },
      {
        in: "part",
        from: "if (this.#text === BROKEN) return this.#refuseText();",
        to: "",
        why: "text that is wrong in a fragment waits for the last one",
        proof: unit("websocket_rules", "whose first fragment is wrong"),
      },
      {
        in: "whole",
        from: "    if (this.#text !== WHOLE) return this.#refuseText();\n",
        to: "",
        why: "text in parts may end inside a character",
        proof: unit("websocket_rules"),
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
        proof: unit("websocket_rules"),
      },
      {
        in: "plainEnd",
        from: "length > maxFrame || ",
        to: "",
        why: "a whole frame may be over maxFrame",
        proof: unit("websocket_decoder", "refuses one more from its header"),
      },
      {
        in: "plainEnd",
        from: "    if (length < 126) return 0;\n",
        to: "",
        why: "a whole frame may have a length that is not the shortest",
        proof: unit("websocket_rules"),
      },
    ],
  },
  {
    file: "src/websocket/packed_decoder.ts",
    proof: unit("websocket_packed"),
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
    proof: unit("websocket_frame", "unmask"),
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
    proof: unit("websocket_frame", "readUtf8"),
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
    proof: unit("websocket_frame"),
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
    proof: unit("websocket_frame"),
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
    proof: unit("websocket_frame"),
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
];
