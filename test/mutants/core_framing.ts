/**
 * Mutants of the core: framing and admission.
 *
 * @module
 */

import type { Group } from "./mutant.ts";

/** The bugs of framing and admission. */
export const CORE_FRAMING: readonly Group[] = [
  {
    file: "src/admission/authorization.ts",
    bugs: [
      {
        in: "authorizationStep",
        from: 'return allowed ? { state: "accepted", rest } : REFUSED;',
        to: 'return { state: "accepted", rest };',
        why: "authorize refuses no connection",
      },
      {
        in: "authorizationStep",
        from: "      decided();\n",
        to: "",
        why: "the answer of authorize wakes no tick",
      },
    ],
  },
  {
    file: "src/framing/receive_buffer.ts",
    bugs: [
      {
        in: "clear",
        from: "this.length = this.#filled = this.#pinned = 0;",
        to: "this.length = this.#filled = 0;",
        why: "a frame that is whole counts on as a receive buffer",
      },
      {
        in: "retainedBytes",
        from: "this.#pinned + this.#block.length",
        to: "this.#block.length",
        why: "the pieces of a frame count for nothing",
      },
      {
        in: "append",
        from: "this.#pieces.push(chunk.subarray(from, to));",
        to: "this.#pieces.push(chunk.subarray(from));",
        why: "a kept piece reaches to the end of its chunk",
      },
      {
        in: "append",
        from: "      this.#closeBlock();\n      this.#pieces.push",
        to: "      this.#pieces.push",
        why: "a kept piece goes before the bytes that were copied",
      },
      {
        in: "pieces",
        from: "  pieces(): readonly Uint8Array[] {\n    this.#closeBlock();\n",
        to: "  pieces(): readonly Uint8Array[] {\n",
        why: "what was copied last is left out",
      },
      {
        in: "clear",
        from: "    if (this.#pieces.length > 0) this.#pieces = [];\n",
        to: "",
        why: "the pieces of the frame before are kept",
      },
      {
        in: "#makeRoom",
        from: "    block.set(this.#block.subarray(0, this.#filled));\n",
        to: "",
        why: "a block that grows forgets what it held",
      },
      {
        in: "#makeRoom",
        from: "if (isFull) this.#closeBlock();",
        to: "if (isFull) this.#filled = 0;",
        why: "a full block is dropped",
      },
      {
        in: "#closeBlock",
        from: "this.#pieces.push(this.#block.subarray(0, this.#filled));",
        to: "this.#pieces.push(this.#block);",
        why: "a block is handed on with its empty rest",
      },
      {
        in: "head",
        from: "return this.#pieces[0] ?? this.#block;",
        to: "return this.#block;",
        why: "a header is looked for behind the first piece",
      },
      {
        in: "concatenate",
        from: "    at += piece.length;\n",
        to: "",
        why: "pieces are put one over the other for other framings",
      },
    ],
  },
  {
    file: "src/framing/decoder.ts",
    bugs: [
      {
        in: "#finish",
        from: "else sink.pieces(partial.pieces(), length);",
        to: "else sink.frames(partial.head, 0, partial.head.length, 1);",
        why: "pieces are published as the first of them",
      },
      {
        in: "#scan",
        from: "    else if (at < to) this.#keep(chunk, at, to);\n",
        to: "    else if (to - at >= empty) this.#keep(chunk, at, to);\n",
        why: "a header in parts is forgotten (M1)",
      },
      {
        in: "#finish",
        from: "      partial.append(chunk, at, at + taken);\n",
        to:
          "      if (partial.length < this.#framing.header) partial.append(chunk, at, at + taken);\n      else partial.length += taken;\n",
        why: "a payload in parts is forgotten (M2)",
      },
      {
        in: "#finish",
        from: "    partial.clear();\n    return at;\n",
        to: "    return at;\n",
        why: "the state of a frame in parts is not reset",
      },
      {
        in: "#scan",
        from: "if (end - at > empty) {",
        to: "if (end - at >= empty) {",
        why: "a ping is published",
      },
      {
        in: "#scan",
        from: "        if (count > 0) sink.frames(chunk, start, at, count);\n        start = end;",
        to: "        start = end;",
        why: "a ping takes the frames before it with it",
      },
    ],
  },
  {
    file: "src/framing/framing.ts",
    bugs: [
      {
        in: "declared",
        from: "return length > maxFrame ? TOO_LARGE : header + length;",
        to: "return length >= maxFrame ? TOO_LARGE : header + length;",
        why: "maxFrame is one byte less",
      },
      {
        in: "declared",
        from: "!== 0) return TOO_LARGE;",
        to: "!== 0) low = from + 4;",
        why: "only the low word of a length is read",
      },
    ],
  },
  {
    file: "src/framing/line.ts",
    bugs: [
      {
        in: "carries",
        from: "for (let at = start; at < end; at++)",
        to: "for (let at = start + 1; at < end; at++)",
        why: "a newline in front of a payload is carried",
      },
    ],
  },
  {
    file: "src/admission/access_list.ts",
    bugs: [
      {
        in: "refuses",
        from: "if (denied) return",
        to: "if (denied && this.#allow.length === 0) return",
        why: "allow beats deny",
      },
    ],
  },
  {
    file: "src/admission/admission.ts",
    bugs: [
      {
        in: "ipAddressOf",
        from: '  return address.replace(/^::ffff:(?=\\d+\\.\\d+\\.\\d+\\.\\d+$)/i, "");',
        to: "  return address;",
        why: "IPv4 over an IPv6 listener is another address",
      },
      {
        in: "handshakeStarted",
        from: "if (this.#underWay >= this.#maxHandshakes)",
        to: "if (this.#underWay >= this.#maxConnections)",
        why: "handshakes may take all places",
      },
    ],
  },
  {
    file: "src/admission/handshake.ts",
    bugs: [
      {
        in: "read",
        from: "if (chunk === null || (!chunk && final)) return withReply(reply, LEFT);",
        to: "if (chunk === null) return MORE;",
        why: "a connection that leaves during its handshake stays",
      },
      {
        in: "read",
        from: 'while (result.state === "more")',
        to: 'while (result.state !== "accepted")',
        why: "a handshake that was rejected goes on",
      },
      {
        in: "read",
        from: "if (!chunk) return withReply(reply, MORE);",
        to: 'if (!chunk) return { state: "rejected", why: "it says too little" };',
        why: "a handshake in parts is rejected",
      },
      {
        in: "read",
        from: 'return final && result.state === "waiting" ? withReply(result.reply, LEFT) : result;',
        to: "return result;",
        why: "a connection that breaks while authorize decides stays",
      },
    ],
  },
  {
    file: "src/admission/secret.ts",
    bugs: [
      {
        in: "SecretHandshake",
        from: "sameBytes(payload, secret)",
        to: "payload.length > 0",
        why: "any first frame is the secret",
      },
      {
        in: "difference",
        from: "let difference = guess.length ^ secret.length;",
        to: "let difference = 0;",
        why: "the beginning of the secret is enough",
      },
    ],
  },
  {
    file: "src/admission/first_frame.ts",
    bugs: [
      {
        in: "#compare",
        from: "const { framing } = this.#connection.feed;",
        to:
          "const framing = { ...this.#connection.feed.framing, trailer: 0, payloadAt: (_: Uint8Array, at: number) => at + 8 };",
        why: "the secret of every listener is in u64",
      },
      {
        in: "receive",
        from: "rest: chunk.subarray(at)",
        to: "rest: chunk",
        why: "the secret is published",
      },
      {
        in: "receive",
        from: "(decoder.pending === 0 ? whole : 1)",
        to: "whole",
        why: "what follows a secret in pieces is lost",
      },
    ],
  },
  {
    file: "src/admission/accept_backoff.ts",
    bugs: [
      {
        in: "failed",
        from: "      const cancel = this.#adapter.after(this.#wait, end);\n",
        to: "      const cancel = (): void => {};\n",
        why: "a failed accept is never tried again",
      },
    ],
  },
];
