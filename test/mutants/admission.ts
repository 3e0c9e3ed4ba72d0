/**
 * Mutants of admission: lists, secrets, shortages, and clocks that stand still.
 *
 * @module
 */

import { type Group, unit } from "./mutant.ts";

/** The bugs of who comes in. */
export const ADMISSION: readonly Group[] = [
  {
    file: "src/admission/accept_backoff.ts",
    proof: unit("event_log", "accepts that fail"),
    bugs: [
      {
        in: "failed",
        from: "    if (this.#wait === 0) logger.error(",
        to: "    logger.error(",
        why: "each failed accept is a log line",
        hole: 12,
      },
      {
        in: "failed",
        from: "if (CONNECTION_GONE.has(code)) {",
        to: "if (CONNECTION_GONE.has(error.message)) {",
        why: "a connection that is gone before it is accepted makes a listener wait",
      },
      {
        in: "failed",
        from: "Math.min(LONGEST_WAIT, this.#wait === 0 ? FIRST_WAIT : 2 * this.#wait)",
        to: "this.#wait === 0 ? FIRST_WAIT : 2 * this.#wait",
        why: "the waits after failed accepts have no bound",
        proof: unit("send_queue", "waits double up to a second"),
      },
    ],
  },
  {
    file: "src/admission/access_list.ts",
    proof: unit("access_list", "address|block|a wrong entry|an empty allow|text that is no address"),
    bugs: [
      {
        in: "holds",
        from: " && (prefix >= 96 || bits >> 32n !== 0xffffn)",
        to: "",
        why: "a block of IPv6 addresses holds IPv4 addresses",
      },
      {
        in: "holds",
        from: "bits >> BigInt(128 - prefix) === start",
        to: "bits >> BigInt(128 - (prefix & ~7)) === start >> BigInt(prefix & 7)",
        why: "a prefix counts in whole bytes",
      },
      {
        in: "parseBits",
        from: "`::ffff:${address}`",
        to: "`::${address}`",
        why: "an IPv4 address over an IPv6 listener passes the lists",
      },
      {
        in: "refuses",
        from: 'if (bits === undefined) return "its address cannot be checked";',
        to: "if (bits === undefined) return undefined;",
        why: "an address that cannot be read comes in",
      },
      {
        in: "parseBits",
        from: 'address.includes(":") ? address : `::ffff:${address}`',
        to: 'address.includes(":") ? address : `::ffff:${address.replace(/\\b0+(?=\\d)/g, "")}`',
        why: "numbers with leading zeros are read as decimal",
      },
      {
        in: "parseBlock",
        from: "if (start << rest !== bits) return",
        to: "if (start < 0n) return",
        why: "a block with bits behind its prefix is guessed",
      },
    ],
  },
  {
    file: "src/admission/secret.ts",
    proof: unit("secret"),
    bugs: [
      {
        in: "sameBytes",
        from: "index < guess.length; index++",
        to: "index < guess.length && difference === 0; index++",
        why: "the time of a comparison tells how many bytes were right",
        proof: unit("secret_unseen"),
      },
    ],
  },
  {
    file: "src/admission/first_frame.ts",
    proof: unit("secret"),
    bugs: [
      {
        in: "FirstFrameHandshake.constructor",
        from: "connection.decoder.maxFrame = frame.length;",
        to: "connection.decoder.maxFrame = 4096;",
        why: "an unauthenticated connection makes us keep more than the secret's length",
      },
    ],
  },
  {
    file: "src/admission/secret_check.ts",
    proof: unit("secret"),
    bugs: [
      {
        in: "refusesSecret",
        from: "return FRAMINGS[framing].refuses(payload);",
        to: "return undefined;",
        why: "a mob is made with a secret that no client can send",
        proof: unit("secret_unseen"),
      },
      {
        in: "checkSecret",
        from: "(not shown)",
        to: "${secret}",
        why: "an error shows the secret",
        proof: unit("secret_unseen"),
      },
    ],
  },
  {
    file: "src/reactor/awake_clock.ts",
    proof: unit("awake_clock"),
    bugs: [
      {
        in: "after",
        from: "!this.#cancel || (this.#counts > 0 && left > Math.max(milliseconds, 0))",
        to: "!this.#cancel",
        why: "a short timer waits for the end of a long beat",
      },
      {
        in: "after",
        from: "      if (this.#timers.size === 0) this.#idle();\n",
        to: "",
        why: "a clock without timers goes on, and keeps the process alive",
      },
      {
        in: "#end",
        from:
          "} finally {\n      if (this.#timers.size === 0) this.#idle();\n      else if (!this.#cancel) this.#begin();\n    }",
        to:
          "} finally {\n    }\n      if (this.#timers.size === 0) this.#idle();\n      else if (!this.#cancel) this.#begin();\n",
        why: "a timer that throws stops all others",
      },
      {
        in: "#begin",
        from: "this.#counts = rest > 0 ? 0 : Math.max",
        to: "this.#counts = Math.max",
        why: "a rest after a stop counts as time that a client had",
      },
    ],
  },
];
