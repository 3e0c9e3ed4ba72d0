/**
 * Mutants of the client.
 *
 * @module
 */

import type { Group } from "./mutant.ts";

/** The bugs of the client. */
export const CLIENT: readonly Group[] = [
  {
    file: "src/client/client.ts",
    proof: { on: ["node"], tests: "test/unit/client.test.ts" },
    bugs: [
      {
        in: "#take",
        from: "    if (wasFull && this.#messages.bytes < RECEIVE_AHEAD) this.#poll.ready(TOKEN, READABLE);\n",
        to: "",
        why: "a client that stopped reading never reads again",
        sample: true,
      },
      {
        in: "#read",
        from: " || this.#messages.bytes < RECEIVE_AHEAD) {",
        to: " || true) {",
        why: "a client reads on though its application does not",
      },
      {
        in: "#write",
        from: " || this.#unsent > 0 || this.#shut",
        to: " || this.#shut",
        why: "close forgets what waits to be sent",
      },
      {
        in: "#end",
        from: "    this.#ignoreSignal();\n",
        to: "",
        why: "a signal keeps the clients that are over",
        proof: { on: ["node"], tests: "test/unit/reconnecting_client.test.ts", named: "no longer listen" },
      },
      {
        in: "close",
        from: "      this.#messages.clear();\n",
        to: "",
        why: "a client that is closed keeps what nobody took",
        proof: { on: ["node"], tests: "test/unit/client_close.test.ts" },
      },
    ],
  },
  {
    file: "src/client/send_queue.ts",
    proof: { on: ["node"], tests: "test/unit/send_queue.test.ts" },
    bugs: [
      {
        in: "next",
        from: "    first.ignoreSignal?.();\n",
        to: "",
        why: "a signal that aborts late takes another one out of the line",
      },
    ],
  },
  {
    file: "src/client/message_queue.ts",
    proof: { on: ["node"], tests: "test/unit/client.test.ts" },
    bugs: [
      {
        in: "#drop",
        from: "    this.#bytes -= entry.cost;\n",
        to: "",
        why: "a mailbox that was full once stays full",
      },
      {
        in: "take",
        from: "entry.bytes.slice(start + header, entry.at - trailer)",
        to: "entry.bytes.subarray(start + header, entry.at - trailer)",
        why: "a message is a view of what it came in",
      },
      {
        in: "push",
        from: "size < SMALL && this.#entries.length > 0",
        to: "size < 0",
        why: "messages of one byte wait as objects",
      },
      {
        in: "#add",
        from: "bytes.buffer.byteLength + ENTRY_COST",
        to: "bytes.length",
        why: "a message queue counts payloads, and not what it holds",
      },
      {
        in: "#drop",
        from: "    if (entry === this.#block) this.#block = undefined;\n",
        to: "",
        why: "what comes after the last block was taken goes into it, and is lost",
      },
    ],
  },
  {
    file: "src/client/backoff.ts",
    proof: { on: ["node"], tests: "test/unit/reconnecting_client.test.ts" },
    bugs: [
      {
        in: "next",
        from: "this.#minDelay * 2 ** this.count++",
        to: "this.#minDelay * ++this.count",
        why: "waits grow by the same each time",
        sample: true,
      },
    ],
  },
  {
    file: "src/client/reconnecting_client.ts",
    proof: { on: ["node"], tests: "test/unit/reconnecting_client.test.ts" },
    bugs: [
      {
        in: "#isStable",
        from: "this.#backoff.count = 0;",
        to: "this.#backoff.count = this.#backoff.count;",
        why: "the waits never start anew",
      },
      {
        in: "#use",
        from: "    while (this.#senders.length > 0) this.#senders.next();\n",
        to: "",
        why: "a send that waits does not learn of a new connection",
      },
      {
        in: "send",
        from: "if (!client.isOver || signal?.aborted) throw error;",
        to: "throw error;",
        why: "a message is lost with the connection that did not take it",
      },
    ],
  },
  {
    file: "src/check.ts",
    proof: { on: ["node"], tests: "test/unit/border.test.ts" },
    bugs: [
      {
        in: "checkFields",
        from: "    checks[name]!(`${prefix}${name}`, value);\n",
        to: "",
        why: "options are known by name and taken as they are",
        sample: true,
      },
    ],
  },
  {
    file: "src/framing/payload.ts",
    proof: { on: ["node"], tests: "test/unit/border.test.ts" },
    bugs: [
      {
        in: "bytesOf",
        from: "(given as Uint8Array).at(0);",
        to: "{}",
        why: "a payload whose buffer is gone is a ping",
      },
      {
        in: "bytesOf",
        from: "given.byteOffset, given.byteLength);",
        to: "0);",
        why: "a view is taken for its whole buffer",
      },
    ],
  },
  {
    file: "src/call_hook.ts",
    proof: { on: ["node"], tests: "test/unit/border.test.ts" },
    bugs: [
      {
        in: "callHook",
        from: "Promise.resolve(answer).catch(failed);",
        to: "void answer;",
        why: "a hook that rejects is nobody's",
      },
    ],
  },
];
