/**
 * Mutants of the core: how connections come, are written to, kept in time, and counted.
 *
 * @module
 */

import type { Group } from "./mutant.ts";

/** The bugs of listeners, handshakes, deliveries, deadlines, hooks and counters. */
export const CORE_SERVER: readonly Group[] = [
  {
    file: "src/server/acceptor.ts",
    bugs: [
      {
        in: "handshakeFailed",
        from: "    this.#with.admission.handshakeOver(remoteAddress);\n",
        to: "",
        why: "a handshake that failed keeps its place",
      },
      {
        in: "accept",
        from: "    this.#with.admission.handshakeOver(socket.remoteAddress);\n",
        to: "",
        why: "a connection that comes in after a handshake counts twice",
      },
      {
        in: "#insert",
        from: "const { framing = this.#options.framing } = (listener?.protocol ? undefined : listener) ?? {};",
        to: "const { framing } = this.#options;",
        why: "every connection has the framing of the mob",
      },
      {
        in: "place",
        from: "this.#with.admission.enter(remoteAddress, listener?.accessList)",
        to: "this.#with.admission.enter(remoteAddress, undefined)",
        why: "the lists of a listener are not asked",
      },
    ],
  },
  {
    file: "src/server/hooks.ts",
    bugs: [
      {
        in: "authorization",
        from: "decide(answer === true);",
        to: "decide(Boolean(answer));",
        why: "authorize takes any answer for yes",
      },
      {
        in: "allows",
        from: ", () => answer = false);",
        to: ", () => answer = true);",
        why: "a message whose hook fails is published",
      },
      {
        in: "#call",
        from: "      this.failures++;\n",
        to: "",
        why: "hooks that fail are not counted",
      },
      {
        in: "allows",
        from: "return answer !== false;",
        to: "return answer === true;",
        why: "onMessage that returns nothing withholds",
      },
    ],
  },
  {
    file: "src/server/connection.ts",
    bugs: [
      {
        in: "endOf",
        from: 'return decoder.pending > 0 ? "truncated" : "end";',
        to: 'return "end";',
        why: "every end is taken for a clean one",
      },
      {
        in: "endOf",
        from: 'if (readiness & ERROR) return "reset";',
        to: "",
        why: "a reset is taken for an end",
      },
    ],
  },
  {
    file: "src/server/handshaker.ts",
    bugs: [
      {
        in: "begin",
        from: "    if (lifecycle.hooks.any) poll.wake();\n",
        to: "",
        why: "authorize is asked when something else happens",
      },
      {
        in: "begin",
        from: "    if (connection.handshake) timeouts.handshake.set(token);\n",
        to:
          "    if (connection.handshake) {\n      timeouts.handshake.set(token);\n      connection.feed.add(connection);\n    }\n",
        why: "an unauthenticated connection is given the log",
      },
      {
        in: "begin",
        from: "    if (connection.handshake) timeouts.handshake.set(token);\n",
        to: "    if (connection.handshake) void token;\n",
        why: "an unauthenticated connection may stay for ever",
      },
      {
        in: "#read",
        from: 'if ("rest" in outcome && outcome.rest.length > 0) connection.unread = outcome.rest;',
        to: "",
        why: "frames behind the secret are lost",
      },
    ],
  },
  {
    file: "src/server/expiry.ts",
    bugs: [
      {
        in: "run",
        from: "    if (rate) this.#late(rate.waiting, (connection) => poll.ready(connection.token, READABLE));\n",
        to: "",
        why: "a connection over its rate is not looked at again",
      },
    ],
  },
  {
    file: "src/server/listener.ts",
    bugs: [
      {
        in: "steps",
        from: ": [...this.#steps];",
        to: ": [];",
        why: "a listener with a secret asks for none",
      },
      {
        in: "Listener",
        from: "new AccessList(rules.allow, rules.deny)",
        to: "new AccessList([], rules.deny)",
        why: "a listener lets in all that it does not deny",
      },
    ],
  },
  {
    file: "src/server/listener_parts.ts",
    bugs: [
      {
        in: "loadParts",
        from: "webSocket || authorizes || steps.length > 0",
        to: "webSocket || steps.length > 0",
        why: "authorize of a plain mob is not asked",
      },
    ],
  },
  {
    file: "src/server/arrivals.ts",
    bugs: [
      {
        in: "open",
        from: "    timeouts.handshake.clear(token);\n",
        to: "",
        why: "the time for the handshake runs on when it is over",
      },
    ],
  },
  {
    file: "src/server/counters.ts",
    bugs: [
      {
        in: "uncarriedFor",
        from: "const open = until === Infinity;",
        to: "const open = until !== undefined;",
        why: "what cannot be carried goes on counting for a connection that leaves",
      },
      {
        in: "joinedIn",
        from: "if (connection.joined) yield",
        to: "yield",
        why: "an unauthenticated connection is listed",
      },
      {
        in: "deliveryCounts",
        from: "(remainder ? remainderFrames : 0);",
        to: "0;",
        why: "a half-delivered frame counts as delivered",
      },
    ],
  },
  {
    file: "src/server/timeouts.ts",
    bugs: [
      {
        in: "constructor",
        from: "const clock = this.clock = new AwakeClock(adapter);",
        to: "const clock = this.clock = adapter;",
        why: "deadlines go by a clock that a stop of the process does not stop",
      },
    ],
  },
  {
    file: "src/server/hooks.ts",
    bugs: [
      {
        in: "tell",
        from: "    this.#pending = [];\n",
        to: "",
        why: "the hooks of a tick are called again at the next one",
      },
    ],
  },
  {
    file: "src/server/delivery.ts",
    bugs: [
      {
        in: "caughtUp",
        from: "      connection.socket.shutdown();\n",
        to: "",
        why: "the stream of a leaving connection with everything does not end",
      },
      {
        in: "caughtUp",
        from: "      linger.set(connection.token, now);\n",
        to: "",
        why: "a connection whose stream has ended may stay forever",
      },
      {
        in: "blocked",
        from: "    this.#receiver().unpause(connection);\n",
        to: "",
        why: "a paused sender of which less is pending, and not nothing, stays paused",
      },
      {
        in: "progressed",
        from: "    this.tookControl(connection);\n",
        to: "",
        why: "progress does not count against a stall",
      },
      {
        in: "caughtUp",
        from: "    stall.clear(connection.token);\n",
        to: "",
        why: "a stall is over and still counted",
      },
    ],
  },
  {
    file: "src/server/outbox.ts",
    bugs: [
      {
        in: "push",
        from: "this.#frames.length === 0 && this.#hasRoom",
        to: "this.#hasRoom",
        why: "a published message overtakes those that wait",
      },
      {
        in: "push",
        from: "this.#frames.length === 0 && this.#hasRoom",
        to: "this.#frames.length === 0",
        why: "publish() has no bound in a tick",
      },
      {
        in: "#hasRoom",
        from: "this.#left > 0 && !this.#uplink.backpressure",
        to: "this.#left > 0",
        why: "publish() goes on under block",
      },
      {
        in: "#next",
        from: "    this.bufferedAmount -= frame.length;\n",
        to: "",
        why: "what was published still counts as waiting",
      },
      {
        in: "beginTick",
        from: "    this.#left = this.#budget;\n",
        to: "",
        why: "what publish() may publish is not renewed by a tick",
      },
    ],
  },
];
