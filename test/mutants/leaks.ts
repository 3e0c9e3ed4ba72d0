/**
 * Mutants that leak: what they keep for ever breaks no rule at once. The soak must find each in one
 * round of its churn, or the test that is named.
 *
 * @module
 */

import type { RuntimeName } from "../helpers/command_line.ts";
import { type Group, type Proof, unit } from "./mutant.ts";

/** The soak on one runtime. */
function soak(on: RuntimeName): Proof {
  return { on: [on], tests: "test/end_to_end/soak.test.ts" };
}

/** The leaks, by file. */
export const LEAKS: readonly Group[] = [
  {
    file: "adapters/tls/handshakes.ts",
    proof: soak("node"),
    bugs: [
      {
        in: "begin",
        from: "      if (!this.#pending.delete(raw)) return;\n",
        to: "      if (this.#pending.get(raw) !== end) return;\n      this.#pending.set(raw, () => {});\n",
        why: "handshakes that are over are kept",
        hole: 6,
        sample: true,
      },
      {
        in: "begin",
        from: "      cancel();\n",
        to: "",
        why: "the deadlines of handshakes that are over stay set",
      },
      {
        in: "constructor",
        from: "handshakeTimeout: -1,",
        to: "handshakeTimeout: 2 ** 31 - 1,",
        why: "deno: failed handshakes are kept by the runtime's timer, with the certificates of before a reload",
        proof: soak("deno"),
      },
    ],
  },
  {
    file: "adapters/tls/tls.ts",
    proof: soak("node"),
    bugs: [
      {
        in: "openTls",
        from: "      pending.delete(leave);\n",
        to: "",
        why: "a listener keeps what ends its handshakes",
      },
      {
        in: "connectOverTls",
        from: "      raw.destroy();\n",
        to: "",
        why: "a TLS connect that was aborted keeps its descriptor",
        hole: 6,
        proof: unit("dialing", "leave no connection"),
      },
    ],
  },
  {
    file: "adapters/tls/tcp_listener.ts",
    proof: soak("deno"),
    bugs: [
      {
        in: "keepAccepting",
        from: "return () => clearInterval(timer);",
        to: "return () => {};",
        why: "deno: a closed TLS listener looks for descriptors for ever",
      },
    ],
  },
  {
    file: "adapters/shared/unix_socket.ts",
    proof: soak("node"),
    bugs: [
      {
        in: "bindFile",
        from: "    rmSync(directory, { recursive: true, force: true });\n",
        to: "",
        why: "each Unix socket leaves a directory",
      },
      {
        in: "bindFile",
        from: "      removeOwn(file, own);\n",
        to: "",
        why: "a closed Unix socket leaves its file",
      },
    ],
  },
  {
    file: "src/server/rate_limit.ts",
    proof: soak("node"),
    bugs: [
      {
        in: "forget",
        from: "    this.#credits.delete(connection);\n",
        to: "",
        why: "the rates of connections that left are kept",
      },
    ],
  },
  {
    file: "src/server/receiver.ts",
    proof: soak("node"),
    bugs: [
      {
        in: "forget",
        from: "    this.#rate?.forget(connection);\n",
        to: "",
        why: "a receiver does not let go of rates",
      },
    ],
  },
  {
    file: "src/server/receive_memory.ts",
    proof: soak("node"),
    bugs: [
      {
        in: "#set",
        from: "    else if (bytes === 0) this.#holders.delete(connection);\n",
        to: "",
        why: "connections that hold nothing are kept as holders of receive buffers",
      },
      {
        in: "forget",
        from: "    this.#set(connection, 0);\n",
        to: "",
        why: "the receive buffers of connections that left are counted, and kept",
      },
    ],
  },
  {
    file: "src/server/dispatcher.ts",
    proof: soak("node"),
    bugs: [
      {
        in: "#remove",
        from: "    this.#memory.forget(connection);\n    this.#timeouts",
        to: "    this.#timeouts",
        why: "the receive buffers of handshakes that ended are kept",
      },
      {
        in: "#remove",
        from: "    this.#acceptor.leave(connection);\n",
        to: "",
        why: "connections that left are counted as inside",
      },
    ],
  },
  {
    file: "src/admission/admission.ts",
    proof: soak("node"),
    bugs: [
      {
        in: "count",
        from: "else counts.delete(name);",
        to: "else counts.set(name, left);",
        why: "each address that ever came is kept",
      },
      {
        in: "handshakeOver",
        from: "    count(this.#handshakes, remoteAddress, -1);\n",
        to: "    this.#handshakes.set(remoteAddress, 0);\n",
        why: "each address and port that ever began a handshake is kept",
      },
    ],
  },
  {
    file: "src/contract/abort.ts",
    proof: soak("node"),
    bugs: [
      {
        in: "takeBack",
        from: "left.delete(run) && left.size === 0",
        to: "left.has(run) && left.size === 1",
        why: "what a signal would run is kept while another waits for the signal",
      },
    ],
  },
  {
    file: "src/client/socket_client.ts",
    proof: soak("node"),
    bugs: [
      {
        in: "#end",
        from: "    this.#ignoreSignal();\n",
        to: "",
        why: "clients that are over stay on their signal",
      },
      {
        in: "#end",
        from: "    this.#socket?.close();\n",
        to: "",
        why: "clients that are over keep their descriptor",
      },
      {
        in: "#end",
        from: "    this.#patience.stop();\n",
        to: "",
        why: "clients that are over still wait for the mob to hang up",
      },
    ],
  },
  {
    file: "src/contract/queue.ts",
    proof: soak("node"),
    bugs: [
      {
        in: "shift",
        from: "    if (this.#next === items.length) this.#reset();\n    else if (this.#next >= TAKEN",
        to: "    if (this.#next < 0",
        why: "a client keeps a place for each message that it has received",
      },
    ],
  },
  {
    file: "src/client/message_reader.ts",
    proof: soak("node"),
    bugs: [
      {
        in: "MessageReader.wake",
        from: "      this.#waiting.delete(look);\n",
        to: "",
        why: "calls of next() that are settled wait on",
      },
    ],
  },
  {
    file: "src/client/reconnecting_client.ts",
    proof: unit("reconnecting_client", "every change is reported"),
    bugs: [
      {
        in: "#use",
        from: "    cancel();\n",
        to: "",
        why: "a connection that was lost has a timer until it would have been stable",
      },
    ],
  },
  {
    file: "src/client/dial.ts",
    proof: soak("node"),
    bugs: [
      {
        in: "dialInTime",
        from: "    cancel();\n",
        to: "",
        why: "a connection that was made has the deadline of its attempt",
      },
    ],
  },
  {
    file: "src/server/serve.ts",
    proof: soak("node"),
    bugs: [
      {
        in: "serve",
        from: "    void mob.closed.then(ignoreSignal);\n",
        to: "    void mob.closed.then(() => ignoreSignal);\n",
        why: "a mob that has closed stays on its signal",
      },
    ],
  },
  {
    file: "adapters/shared/node_dial.ts",
    proof: { on: ["node", "bun", "deno"], tests: "test/unit/dialing.test.ts", named: "forgets the signal" },
    bugs: [
      {
        in: "unlessAborted",
        from: "    ignoreSignal?.();\n",
        to: "",
        why: "a connect that is over stays on its signal",
      },
    ],
  },
];
