/**
 * Mutants of the stream of a bus on NATS, which the tests with a real server find.
 *
 * @module
 */

import { type Group, type Proof, unit } from "./mutant.ts";

const engine = (named: string): Proof => ({ on: ["node"], tests: "test/end_to_end/bus_engine.test.ts", named });
const terms = (named: string): Proof => ({ on: ["node"], tests: "test/end_to_end/bus_terms.test.ts", named });
const script: Proof = unit("nats_stream");

/** The bugs of the stream. */
export const NATS: readonly Group[] = [
  {
    file: "adapters/nats/stream.ts",
    bugs: [
      {
        in: "#again",
        from: "const leader = await this.#verify(stale);",
        to: "const leader = stale ? undefined : undefined;",
        why: "a stream of NATS is not looked at before it is read again",
        proof: engine("comes back empty"),
      },
      {
        in: "#info",
        from: "    if (info.cluster && !info.cluster.leader) throw new Error(NO_LEADER);\n",
        to: "",
        why: "what a server of NATS says of a stream that nobody leads is believed: that it is empty",
        proof: script,
      },
      {
        in: "#mayAgree",
        from: "doubts >= MOST_DOUBTS",
        to: "doubts >= 0",
        why: "a new leader of NATS that does not have all yet makes a gap",
        proof: script,
      },
      {
        in: "#verify",
        from: "      return stale ? leader : undefined;",
        to: "      return undefined;",
        why: "a consumer that lagged is made anew in a server of NATS that lags",
        proof: script,
      },
      {
        in: "#passed",
        from: "    if (!message) this.#skip(sequence + 1);\n    else ",
        to: "    this.#skip(sequence + 1);\n    if (message) ",
        why: "what a consumer of NATS has passed is gone, though the leader has it",
        proof: script,
      },
      {
        in: "#begin",
        from: "    if (this.#isReplicated) this.#watch(pull);\n",
        to: "",
        why: "a mob whose consumer lags hears nothing",
        proof: script,
      },
      {
        in: "#cut",
        from: "    for (const reject of this.#waiting) reject(new Error(why));\n",
        to: "",
        why: "what waits for an answer of NATS waits on when the connection is lost",
        proof: engine("waits for an answer"),
      },
      {
        in: "#message",
        from: "    this.#skip(sequence);\n",
        to: "",
        why: "what NATS has discarded is not told",
        proof: terms("discards"),
      },
      {
        in: "#find",
        from: "if (!isInUse(error)) throw error;",
        to: "throw error;",
        why: "of two mobs that make a stream at once, one is told so and not what does not fit",
        proof: script,
      },
      {
        in: "maxMessage",
        from: " - HEADERS",
        to: "",
        why: "the headers of a message do not count for max_payload",
        proof: terms("max_payload"),
      },
      {
        in: "close",
        from: "this.#pull?.close()",
        to: "undefined",
        why: "a mob that leaves leaves its consumer in NATS",
        proof: terms("leaves nothing"),
      },
    ],
  },
  {
    file: "adapters/nats/reading.ts",
    proof: unit("nats_watch"),
    bugs: [
      {
        in: "difference",
        from: '    if (this.isAnother(info)) return "the stream was made anew";\n',
        to: "",
        why: "a stream of NATS that was made anew is taken for the one before",
      },
      {
        in: "difference",
        from: "new Set([this.#first, this.#last])",
        to: "new Set([this.#last])",
        why: "what a server of NATS handed out first, when it went on, is not compared",
      },
      {
        in: "restart",
        from: "    if (created !== this.#created) this.#opened = 0;\n",
        to: "",
        why: "a new stream of NATS is read from where the old one was opened",
      },
    ],
  },
  {
    file: "adapters/nats/watch.ts",
    proof: unit("nats_watch"),
    bugs: [
      {
        in: "#look",
        from: "before && found && before.behind === found.behind ? found : undefined",
        to: "found",
        why: "what a server of NATS says once, while a leader is elected, counts",
      },
      {
        in: "#look",
        from: "this.#suspicion?.behind === undefined || this.#quiet > 0 ? this.#suspicion : undefined",
        to: "this.#suspicion",
        why: "under load the leader of a stream of NATS is asked at each look",
      },
      {
        in: "#ask",
        from: "    this.#compared = sequence;\n",
        to: "",
        why: "a quiet stream of NATS is compared again and again",
        sample: true,
      },
      {
        in: "#look",
        from: " && !isPaused",
        to: "",
        why: "a mob without room takes its consumer for one that lags",
      },
    ],
  },
  {
    file: "adapters/nats/pull.ts",
    bugs: [
      {
        in: "#takeStatus",
        from: "      if (isAllHere) this.#options.passed(",
        to: "      if (!isAllHere) this.#options.passed(",
        why:
          "what a stream of NATS has lost before it was read is told when the next message comes, which may be never",
        proof: terms("loses what a mob"),
      },
    ],
  },
  {
    file: "adapters/nats/left_sockets.ts",
    proof: { on: ["deno"], tests: "test/end_to_end/nats_left_socket.test.ts" },
    bugs: [
      {
        in: "keepListening",
        from: '    socket.on("error", ignore);\n    return',
        to: "    return",
        why: "on Deno an error of a socket that the client of NATS has let go of ends the process",
      },
      {
        in: "listenToLeftSockets",
        from: "  followTls(tls);\n",
        to: "  void tls;\n",
        why: "on Deno an alert of a server of NATS ends the process, when it comes with the end of the handshake",
      },
    ],
  },
  {
    file: "adapters/nats/options.ts",
    proof: unit("nats_options"),
    bugs: [
      {
        in: "connectionOptions",
        from: "    ignoreAuthErrorAbort: true,\n",
        to: "",
        why: "a mob gives up when NATS refuses it twice",
      },
      {
        in: "checkServer",
        from:
          '  if (server.includes("@")) cannotUse("a server\'s URL with a user in it", "user and password, or token, are options");\n',
        to: "",
        why: "a password in a URL of NATS is shown or ignored",
        sample: true,
      },
    ],
  },
  {
    file: "adapters/nats/terms.ts",
    proof: unit("nats_options"),
    bugs: [
      {
        in: "checkStream",
        from: "if (Number(maxFrame) !== terms.maxFrame)",
        to: "if (Number(maxFrame) < terms.maxFrame)",
        why: "mobs with another maxFrame join a bus",
      },
      {
        in: "checkStream",
        from: 'if (config.discard !== "old")',
        to: 'if (config.discard === "")',
        why: "a stream that refuses new messages when it is full is used",
      },
    ],
  },
];
