/**
 * Mutants of the adapters: the conformance suite, or a test of their own, must find each.
 *
 * @module
 */

import type { Group, Proof } from "./mutant.ts";

const CONFORMANCE = "test/conformance/adapter.test.ts";

/** Cases of the conformance suite on one runtime: in the clear, unless the name contains more. */
function rule(on: Proof["on"][number], named: string): Proof {
  return { on: [on], tests: CONFORMANCE, named: `^${on}: ${named}` };
}

/** The kernel asks whether the other end is there. */
function keepalive(on: Proof["on"][number]): Proof {
  return { on: [on], tests: "test/unit/connect_timeout.test.ts", named: "keepalive is on at both ends" };
}

/** The bugs of the adapters. */
export const ADAPTERS: readonly Group[] = [
  {
    file: "adapters/shared/close_frame.ts",
    proof: { on: ["node"], tests: "test/unit/websocket_client.test.ts" },
    bugs: [
      {
        in: "IN_ORDER",
        from: "[1000, 1001, 1005]",
        to: "[1000, 1005]",
        why: "a mob that goes away has broken the connection",
        proof: { on: ["node"], tests: "test/unit/websocket_client_end.test.ts" },
      },
      {
        in: "closeFrameOf",
        from: "code === 1000 || ",
        to: "code === 1000 || code === 1001 || ",
        why: "a mob that goes away has received everything",
        proof: { on: ["node"], tests: "test/unit/websocket_client_end.test.ts" },
      },
      {
        in: "closeFrameOf",
        from: "CODES[code] ??",
        to: "CODES[1008] ??",
        why: "every code is a refusal",
        proof: { on: ["node"], tests: "test/unit/websocket_client_end.test.ts" },
      },
    ],
  },
  {
    file: "adapters/shared/websocket.ts",
    proof: { on: ["node"], tests: "test/unit/websocket_client.test.ts" },
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
        proof: { on: ["node"], tests: "test/unit/websocket_client_end.test.ts" },
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
        proof: { on: ["node"], tests: "test/unit/websocket_client_end.test.ts" },
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
        proof: { on: ["node"], tests: "test/unit/websocket_client_end.test.ts" },
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
    proof: { on: ["node"], tests: "test/unit/chunk_queue.test.ts" },
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
    file: "adapters/http/http_connection.ts",
    proof: { on: ["node"], tests: "test/unit/http_server.test.ts" },
    bugs: [
      {
        in: "drop",
        from: " || !canReset(this.#socket)",
        to: "",
        why: "a connection is reset while its shutdown is under way, and lost",
        proof: { on: ["node"], tests: "test/unit/http_tls.test.ts" },
      },
      {
        in: "#send",
        from: 'if (!response.write(part)) await this.#next(response, "drain");',
        to: "response.write(part);",
        why: "a body is read on while its client does not read",
        proof: { on: ["node"], tests: "test/unit/http_limits.test.ts" },
      },
      {
        in: "begin",
        from: "    this.#deadline(this.#times.headTimeout);\n",
        to: "",
        why: "a head may take for ever",
        proof: { on: ["node"], tests: "test/unit/http_limits.test.ts" },
      },
      {
        in: "request",
        from: "if (++this.#unanswered > PIPELINED) return this.drop();",
        to: "++this.#unanswered;",
        why: "any number of requests waits",
        proof: { on: ["node"], tests: "test/unit/http_limits.test.ts" },
      },
      {
        in: "gone",
        from: "    this.#interrupt();\n",
        to: "",
        why: "a body goes on without its client",
        proof: { on: ["node"], tests: "test/unit/http_limits.test.ts" },
      },
      {
        in: "leave",
        from: "    this.#interrupt();\n",
        to: "",
        why: "closing waits for a stream, and then breaks it",
        proof: { on: ["node"], tests: "test/unit/http_limits.test.ts" },
      },
    ],
  },
  {
    file: "adapters/http/http_server.ts",
    proof: { on: ["node"], tests: "test/unit/http_server.test.ts" },
    bugs: [
      {
        in: "#arrived",
        from: "this.#connections.size >= this.#limits.connections",
        to: "this.#connections.size > this.#limits.connections",
        why: "one connection too many",
        proof: { on: ["node"], tests: "test/unit/http_limits.test.ts" },
      },
      {
        in: "#arrived",
        from: "      this.#connections.delete(connection);\n",
        to: "",
        why: "a connection that is over keeps its place",
        proof: { on: ["node"], tests: "test/unit/http_limits.test.ts" },
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
    proof: { on: ["node"], tests: "test/unit/http_server.test.ts" },
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
  {
    file: "adapters/shared/unix_socket.ts",
    proof: { on: ["node"], tests: "test/unit/unix.test.ts" },
    bugs: [
      {
        in: "bindFile",
        from: "    chmodSync(inner, mode);\n",
        to: "",
        why: "a socket file is open to everybody",
        sample: true,
      },
      {
        in: "answers",
        from: 'return code !== "ECONNREFUSED" && code !== "ENOENT";',
        to: 'return code === "connected";',
        why: "a socket of a busy server is taken for stale",
        proof: { on: ["node"], tests: "test/unit/unix.test.ts", named: "as many connections waiting as fit" },
      },
      {
        in: "answers",
        from: '  if (code === "ECONNREFUSED" && onBun) return await isFull(path);\n',
        to: "",
        why: "bun: a socket of a busy server is taken for stale",
        proof: { on: ["bun"], tests: "test/unit/unix.test.ts", named: "as many connections waiting as fit" },
      },
      {
        in: "identityOf",
        from: "if (stats.isSocket()) return",
        to: "if (!stats.isDirectory()) return",
        why: "a file that is no socket is replaced",
      },
      {
        in: "dialUnix",
        from: 'code === "EAGAIN" || ',
        to: "",
        why: "a full Unix socket fails at once",
        proof: { on: ["node"], tests: "test/unit/dialing.test.ts", named: "a full Unix socket" },
      },
    ],
  },
  {
    file: "adapters/shared/node_dial.ts",
    proof: { on: ["node", "bun"], tests: "test/unit/dialing.test.ts", named: "leaves no socket|ends at once" },
    bugs: [
      {
        in: "dial",
        from: ', () => socket.destroy(new Error("aborted"))',
        to: ", () => {}",
        why: "a dial that is given up goes on",
      },
    ],
  },
  {
    file: "adapters/shared/file_limit.ts",
    proof: { on: ["node"], tests: "test/end_to_end/file_limit.test.ts", named: "as many as fit" },
    bugs: [
      {
        in: "connectionsThatFit",
        from: "Number(soft) - RESERVE",
        to: "Number(soft)",
        why: "no descriptor is kept for anything but connections",
        hole: 8,
      },
      {
        in: "connectionsThatFit",
        from: "Max open files",
        to: "Max processes",
        why: "the limit of processes is taken for that of files",
        hole: 8,
      },
      {
        in: "mayRead",
        from: '.state === "granted"',
        to: '.state !== "denied"',
        why: "deno: a person is asked whether a file may be read",
        proof: { on: ["node"], tests: "test/unit/file_limit.test.ts" },
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
        proof: { on: ["node"], tests: "test/unit/file_limit.test.ts" },
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
  {
    file: "adapters/shared/accept_rests.ts",
    proof: { on: ["node"], tests: "test/unit/accept_rests.test.ts" },
    bugs: [
      {
        in: "restsInStream",
        from: "accepted > BACKLOG ? pause(0) : undefined",
        to: "undefined",
        why: "deno: clients that come and go keep all others from being served",
      },
      {
        in: "restsInStream",
        from: "accepted > BACKLOG ? pause(0) : undefined",
        to: "pause(0)",
        why: "deno: a storm of connections is accepted in pieces",
      },
      {
        in: "restsInStream",
        from: "if (last - before > STREAM_ENDS) accepted = 0;",
        to: "",
        why: "deno: after one stream of connections every storm is accepted in pieces",
      },
    ],
  },
  {
    file: "adapters/process/terminal.ts",
    proof: { on: ["node"], tests: "test/unit/cli_credentials.test.ts", named: "the real terminal" },
    bugs: [
      {
        in: "readFile",
        from: "size > TEXT_SIZE",
        to: "size > 64 * TEXT_SIZE",
        why: "a file without an end is read as a certificate",
      },
      {
        in: "openFile",
        from: "stat.mode & 0o7777",
        to: "stat.mode & 0o700",
        why: "a key is told to be its owner's alone",
      },
      {
        in: "openFile",
        from: "      await file.close();\n",
        to: "",
        why: "a directory that was opened for a file stays open",
        hole: 6,
      },
      {
        in: "readChunks",
        from: "    await file.close();\n",
        to: "",
        why: "a file that was read stays open",
        hole: 6,
      },
    ],
  },
  {
    file: "adapters/process/process_events.ts",
    proof: { on: ["node"], tests: "test/unit/cli_credentials.test.ts", named: "the real terminal" },
    bugs: [
      {
        in: "onSignal",
        from: "called.delete(handler)",
        to: "called",
        why: "handlers of signals stay",
        hole: 6,
      },
    ],
  },
  {
    file: "adapters/process/writer.ts",
    proof: { on: ["bun"], tests: "test/end_to_end/output.test.ts", named: "^bun: a log that is broken" },
    bugs: [
      {
        in: "writeTo",
        from: "resolve(length)",
        to: "resolve(bytes.length)",
        why: "a short write is taken for a whole one",
        proof: { on: ["bun"], tests: "test/end_to_end/output.test.ts", named: "^bun: a command whose output cannot" },
      },
      {
        in: "writeTo",
        from: "error === null ? resolve(length) : reject(error)",
        to: "resolve(length)",
        why: "an output that cannot be written is no failure",
      },
    ],
  },
];
