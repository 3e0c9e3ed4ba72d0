/**
 * Mutants of threads that share memory and ports.
 *
 * @module
 */

import { type Group, type Proof, unit } from "./mutant.ts";

const ring: Proof = { on: ["bun"], tests: "test/unit/shared_channel.test.ts" };
const command: Proof = unit("cli_threads");

/** The bugs of the ring. */
export const SHARED_MEMORY: readonly Group[] = [
  {
    file: "src/bus/shared_ring.ts",
    proof: ring,
    bugs: [
      {
        in: "write",
        from: "      if (!this.#fits(tail, next - tail)) return undefined;\n",
        to: "",
        why: "a writer writes over what a slow thread has not read",
        sample: true,
      },
      {
        in: "#isThere",
        from: "=== BigInt(position + 1)",
        to: "> 0n",
        why: "what an earlier lap has left in the ring is read again",
        sample: true,
      },
      {
        in: "write",
        from: ", (this.#units - index) * UNIT - RECORD_HEAD",
        to: "",
        why: "a record runs over the end of the ring",
      },
      { in: "free", from: "    this.#held = 0;\n", to: "", why: "a record is freed twice" },
      {
        in: "#furthestOf",
        from: "cursor !== GONE",
        to: "true",
        why: "a thread that has left holds the writers",
      },
    ],
  },
  {
    file: "src/bus/shared_wake.ts",
    proof: ring,
    bugs: [
      {
        in: "#wake",
        from: " Atomics.notify(this.#words, thread);",
        to: " return;",
        why: "a sleeping thread is not woken",
        sample: true,
      },
      {
        in: "sleep",
        from: "    if (forRoom) Atomics.store(this.#words, this.#threads, 1);\n",
        to: "",
        why: "a writer without room is never told of some",
      },
    ],
  },
  {
    file: "src/bus/shared_channel.ts",
    proof: ring,
    bugs: [
      {
        in: "#lookAgain",
        from: "      this.#tell();\n",
        to: "",
        why: "a mob that has read before it wrote is not told of its own batch",
      },
      { in: "#tell", from: "    this.#isReadable ||= isReadable;\n", to: "", why: "a mob that does not read spins" },
      { in: "#whole", from: "bytes.slice()", to: "bytes", why: "a part of a large batch is written over" },
      {
        in: "#next",
        from: "    this.#writeOn();\n",
        to: "",
        why: "a batch larger than the ring waits for another thread",
      },
      { in: "close", from: "    this.#ring.leave();\n", to: "", why: "a mob that has closed holds the others" },
    ],
  },
];

/** The bugs of the command. */
export const THREADS: readonly Group[] = [
  {
    file: "src/cli/thread_group.ts",
    proof: command,
    bugs: [
      {
        in: "#fail",
        from: "    this.#rejectClosed(new Failure(oneLine(message)));\n",
        to: "",
        why: "a thread that dies leaves the others alone",
        sample: true,
      },
      {
        in: "#hasEnded",
        from: "!this.#last.has(thread)",
        to: "this.#last.size === 0",
        why: "a thread that dies while others drain is a quiet end",
      },
      {
        in: "#hasEnded",
        from: "!this.#last.has(thread)",
        to: "true",
        why: "a thread that ends after it has closed is a failure",
      },
      {
        in: "open",
        from: 'thread === 0 ? "open" : "join"',
        to: '"join"',
        why: "two servers with threads share a port",
      },
    ],
  },
  {
    file: "src/cli/threads.ts",
    proof: command,
    bugs: [{ from: "    await told;\n", to: "", why: "a server with threads is closed before it closes, in its log" }],
  },
  {
    file: "src/cli/thread_stats.ts",
    proof: command,
    bugs: [{ from: '"published", ', to: "", why: "what all threads have published counts for each" }],
  },
];
