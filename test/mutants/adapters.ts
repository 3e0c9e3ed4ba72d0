/**
 * Mutants of the adapters: the conformance suite, or a test of their own, must find each.
 *
 * @module
 */

import { type Group, type Proof, unit } from "./mutant.ts";

const CONFORMANCE = "test/conformance/adapter.test.ts";

/** Cases of the conformance suite on one runtime: in the clear, unless the name contains more. */
function rule(on: Proof["on"][number], named: string): Proof {
  return { on: [on], tests: CONFORMANCE, named: `^${on}: ${named}` };
}

/** The kernel asks whether the other end is there. */
function keepalive(on: Proof["on"][number]): Proof {
  return { on: [on], tests: "test/unit/connect_timeout.test.ts", named: "keepalive is on at both ends" };
}

/** The bugs of sockets. */
export const ADAPTERS: readonly Group[] = [
  {
    file: "adapters/shared/inbox.ts",
    proof: rule("node", "rule 5"),
    bugs: [
      {
        in: "full",
        from: "this.#chunks.bytes >= LIMIT",
        to: "this.#chunks.bytes >= 64 * LIMIT",
        why: "an inbox holds 4 MiB",
      },
      {
        in: "shift",
        from: "this.#ended ? null : undefined",
        to: "undefined",
        why: "an end is not reported",
        proof: rule("node", "rule 6"),
      },
      {
        in: "shift",
        from: "    return this.#chunks.shift() ??",
        to: "    return (this.#ended ? null : this.#chunks.shift()) ??",
        why: "an end overtakes what came before it",
        proof: rule("node", "rule 6"),
      },
    ],
  },
  {
    file: "src/contract/chunk_queue.ts",
    proof: unit("chunk_queue"),
    bugs: [
      {
        in: "shift",
        from: "    this.#bytes -= first.length;\n",
        to: "",
        why: "an inbox that was full once stays full",
        proof: rule("node", "rule 5"),
        sample: true,
      },
      {
        in: "push",
        from: "chunk.length < SMALL && this.length >= this.#looseChunks",
        to: "chunk.length < 0",
        why: "chunks of one byte wait as objects",
      },
      {
        in: "shift",
        from: "      if (this.#tail) this.#closeTail(false);\n",
        to: "",
        why: "small chunks behind the others are never read",
      },
      {
        in: "push",
        from: "    if (this.#tail) this.#closeTail(2 * this.#filled < BLOCK);\n",
        to: "",
        why: "a large chunk overtakes small ones",
      },
      {
        in: "#counted",
        from: "if (2 * chunk.length < buffer && this.#pinned + buffer > most) counted = chunk.slice();",
        to: "",
        why: "small parts of large buffers are kept with all of them",
      },
      {
        in: "push",
        from: "this.#closeTail(2 * this.#filled < BLOCK)",
        to: "this.#closeTail(false)",
        why: "a block of a few bytes is kept whole",
      },
    ],
  },
  {
    file: "adapters/shared/node_socket.ts",
    proof: rule("node", "rule 3"),
    bugs: [
      {
        in: "write",
        from: "    if (taken < bytes.length) this.#writableDue = true;\n",
        to: "",
        why: "node: WRITABLE is not reported after a write that was cut",
        hole: 1,
        proof: { on: ["node"], tests: CONFORMANCE, named: "^node, unix: rule 3" },
        sample: true,
      },
      {
        in: "write",
        from: "      this.#writableDue = this.#slow = true;\n",
        to: "      this.#slow = true;\n",
        why: "node: WRITABLE is not reported after a refused write",
        hole: 1,
      },
      {
        in: "read",
        from: "      this.#socket.resume();\n",
        to:
          "      if (!(this as { once?: true }).once) this.#socket.resume();\n      (this as { once?: true }).once = true;\n",
        why: "node: flow control works once for each connection",
        hole: 2,
        proof: rule("node", "rule 5"),
        sample: true,
      },
      {
        in: "#data",
        from: "      this.#socket.pause();\n",
        to:
          "      if (!(this as { once?: true }).once) this.#socket.pause();\n      (this as { once?: true }).once = true;\n",
        why: "node: a socket stops reading once, and then never again",
        hole: 2,
        proof: rule("node", "rule 5"),
      },
      {
        in: "close",
        from: "    if (canReset(this.#socket)) this.#wire.reset();\n    else this.#socket.destroy();",
        to: "    this.#socket.destroy();",
        why: "node: a stuck peer is not reset",
        proof: rule("node", "(rule|close)"),
      },
      {
        in: "canReset",
        from: "!socket.writableEnded || socket.writableLength > 0",
        to: "true",
        why: "node: a socket is reset while its shutdown is under way, and lost",
        proof: rule("node", "rule 7"),
        sample: true,
      },
      {
        in: "#hangUp",
        from: "this.error ? ERROR : HUP",
        to: "HUP",
        why: "node: a broken connection is reported as a clean end",
        proof: rule("node", "rule [678]"),
      },
      {
        in: "#ready",
        from: "if (!this.#closed) ",
        to: "",
        why: "node: events come after close",
        proof: rule("node", "rule 7"),
      },
      {
        in: "offer",
        from: "  socket.destroy();\n",
        to: "",
        why: "node: a refused connection stays open",
        proof: rule("node", "rule 1"),
      },
    ],
  },
  {
    file: "adapters/bun.ts",
    proof: rule("bun", "rule 3"),
    bugs: [
      {
        in: "BunSocket.write",
        from: "    if (taken < bytes.length) this.#writableDue = true;\n",
        to: "",
        why: "bun: WRITABLE is not reported after a short write",
        hole: 1,
        sample: true,
      },
      {
        in: "BunSocket.onDrain",
        from: "    if (!this.#writableDue) return;\n",
        to: "",
        why: "bun: WRITABLE is reported after a write that was not short",
        proof: rule("bun", "rule 5"),
      },
      {
        in: "BunSocket.read",
        from: "      this.#paused = false;\n",
        to: "",
        why: "bun: a socket that was stopped is always taken for stopped",
        proof: rule("bun", "rule 5"),
      },
      {
        in: "BunSocket.read",
        from: "      this.#socket.resume();\n",
        to:
          "      if (!(this as { once?: true }).once) this.#socket.resume();\n      (this as { once?: true }).once = true;\n",
        why: "bun: flow control works once for each connection",
        hole: 2,
        proof: rule("bun", "rule 5"),
      },
      {
        in: "BunSocket.close",
        from: "else this.#socket.terminate();",
        to: "else this.#socket.end();",
        why: "bun: a stuck peer is not reset",
        proof: rule("bun", "(rule|close)"),
      },
      {
        in: "BunSocket.onClose",
        from: "this.error ? ERROR : HUP",
        to: "HUP",
        why: "bun: a broken connection is reported as a clean end",
        proof: rule("bun", "rule [3678]"),
      },
      {
        in: "accept",
        from: "if (token === undefined) return socket.end();",
        to: "if (token === undefined) return;",
        why: "bun: a refused connection stays open",
        proof: rule("bun", "rule 1"),
      },
    ],
  },
  {
    file: "adapters/deno.ts",
    proof: rule("deno", "rule 3"),
    bugs: [
      {
        in: "DenoSocket.write",
        from: "    if (step !== bytes) this.#writableDue = true;\n",
        to: "",
        why: "deno: WRITABLE is not reported after a write that was cut",
        hole: 1,
        sample: true,
      },
      {
        in: "DenoSocket.write",
        from: "    if (this.#writing) {\n      this.#writableDue = true;\n",
        to: "    if (this.#writing) {\n",
        why: "deno: WRITABLE is not reported after a refused write",
        hole: 1,
      },
      {
        in: "DenoSocket.#written",
        from: "      this.#send(this.#writing!.subarray(length));\n",
        to: "      this.#send(this.#writing!);\n",
        why: "deno: what was written of a step is written again",
      },
      {
        in: "DenoSocket.read",
        from: "    if (!this.#reading) this.#readOn();\n",
        to:
          "    if (!this.#reading && !(this as { once?: true }).once) this.#readOn();\n    if (chunk !== undefined && this.#inbox.full) (this as { once?: true }).once = true;\n",
        why: "deno: flow control works once for each connection",
        hole: 2,
        proof: rule("deno", "rule 5"),
      },
      {
        in: "DenoSocket.#readOn",
        from: " || this.#inbox.full",
        to: "",
        why: "deno: a socket that is not read from reads on",
        proof: rule("deno", "rule 5"),
      },
      {
        in: "DenoSocket.#read",
        from: "this.#inbox.push(this.#buffer.slice(0, length));",
        to: "this.#inbox.push(this.#buffer.subarray(0, length));",
        why: "deno: what was read changes when more is read",
        proof: rule("deno", "rule 4"),
      },
      {
        in: "acceptAll",
        from: "      await registry.acceptFailed(normalize(error as Error));\n",
        to: "      return;\n",
        why: "deno: a connection that is reset at once ends the listener",
        proof: rule("deno", "rule 8"),
      },
    ],
  },
  {
    file: "adapters/shared/event_loop.ts",
    proof: { on: ["deno"], tests: CONFORMANCE, named: "^deno, unix: rule 2" },
    bugs: [
      {
        in: "deferWithRests",
        from: "writing() > before && performance.now() - began < LONGEST_REST",
        to: "writing() > before",
        why: "deno: the rest between ticks has no end",
        hole: 3,
      },
    ],
  },
  {
    file: "adapters/node.ts",
    bugs: [
      {
        in: "nodeAdapter",
        from: ' capacity: connectionsThatFit((path) => readFileSync(path, "utf8")),',
        to: "",
        why: "node: a mob does not know the limit of open files",
        hole: 8,
        proof: unit("file_limit"),
      },
    ],
  },
  {
    file: "adapters/bun.ts",
    bugs: [
      {
        in: "bunAdapter",
        from: '    capacity: connectionsThatFit((path) => readFileSync(path, "utf8")),\n',
        to: "",
        why: "bun: a mob does not know the limit of open files",
        hole: 8,
        proof: { on: ["bun"], tests: "test/unit/file_limit.test.ts" },
      },
      {
        in: "accept",
        from: '  if (transport !== "unix") socket.setKeepAlive(true, SOCKET_OPTIONS.keepAliveInitialDelay);\n',
        to: "",
        why: "bun: a client that lost power is never noticed",
        proof: keepalive("bun"),
      },
    ],
  },
  {
    file: "adapters/deno.ts",
    bugs: [
      {
        in: "denoAdapter",
        from: "    capacity: connectionsThatFit((path) => deno().readTextFileSync(path)),\n",
        to: "",
        why: "deno: a mob does not know the limit of open files",
        hole: 8,
        proof: { on: ["deno"], tests: "test/unit/file_limit.test.ts" },
      },
      {
        in: "accept",
        from: "    connection.setKeepAlive?.(true);\n",
        to: "",
        why: "deno: a client that lost power is never noticed",
        proof: keepalive("deno"),
      },
    ],
  },
  {
    file: "adapters/shared/node_socket.ts",
    proof: keepalive("node"),
    bugs: [
      {
        in: "SOCKET_OPTIONS",
        from: "keepAlive: true,",
        to: "keepAlive: false,",
        why: "node: a client that lost power is never noticed",
      },
      {
        in: "SOCKET_OPTIONS",
        from: "keepAliveInitialDelay: 60_000,",
        to: "keepAliveInitialDelay: 7_200_000,",
        why: "node: a client that lost power is noticed after hours",
      },
    ],
  },
];
