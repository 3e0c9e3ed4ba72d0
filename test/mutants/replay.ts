/**
 * Mutants of what is replayed to connections that join: the history, and the place where a stream begins.
 *
 * @module
 */

import type { Group } from "./mutant.ts";

const HISTORY = "test/unit/history.test.ts";
const RESUME = "test/unit/resume.test.ts";

/** The bugs of replaying. */
export const REPLAY: readonly Group[] = [
  {
    file: "src/broadcast/reframe.ts",
    bugs: [
      {
        from: "if (other.carries(bytes, from, to)) appended",
        to: "if (to > from) appended",
        why: "a payload with a newline is two lines",
      },
      {
        from: "log.appendPayloadOf(bytes, from, to);",
        to: "log.appendPayloadOf(bytes, at, next);",
        why: "a frame is re-framed with its header",
      },
      {
        from: "uncarried(other.size(to - from));",
        to: "uncarried(to - from);",
        why: "what a framing cannot carry is counted without its header",
      },
    ],
  },
  {
    file: "src/broadcast/history.ts",
    bugs: [
      {
        from: "log.boundaryAfter(from)",
        to: "from",
        why: "a stream begins inside a frame",
      },
      {
        from: "log.boundaryAfter(from)",
        to: "log.start",
        why: "a stream begins with all that the log holds",
      },
      {
        from: "connection.framesAtStart = log.framesBefore(cursor);",
        to: "connection.framesAtStart = log.frames;",
        why: "frames of the history do not count",
      },
      {
        from: "connection.bytesReplayed = log.end - cursor;",
        to: "",
        why: "replayed bytes are not counted",
      },
      {
        from: "connection.framesReplayed = log.frames - connection.framesAtStart;",
        to: "",
        why: "replayed frames are not counted",
      },
      {
        from: "log.end - past.bytes, resumption?.from(log.end) ?? 0",
        to: "log.end - past.bytes",
        why: "a stream that resumes begins with the whole history",
        proof: { on: ["node"], tests: RESUME, named: "goes on exactly there" },
      },
      {
        from: "log.end - past.bytes, resumption?.from(log.end) ?? 0",
        to: "resumption?.from(log.end) ?? log.end - past.bytes",
        why: "a stream that resumes may begin further back than the history",
        proof: { on: ["node"], tests: RESUME, named: "away for longer than the history" },
      },
    ],
  },
  {
    file: "src/broadcast/feed.ts",
    bugs: [
      {
        in: "isUsed",
        from: "return this.subscribers > 0 || this.past.bytes > 0;",
        to: "return this.subscribers > 0;",
        why: "a feed without connections keeps no history",
      },
      {
        in: "settle",
        from: "this.log.end - this.past.bytes);",
        to: "this.log.end);",
        why: "the log keeps no history",
      },
      {
        in: "settle",
        from: "Math.min(this.#blocked.first?.cursor ?? Infinity, this.log.end - this.past.bytes)",
        to: "this.log.end - this.past.bytes",
        why: "the log keeps nothing but the history",
      },
      {
        in: "add",
        from: "    if (!this.hasPending(connection)) this.#addCurrent(connection);\n    else if (connection.full)",
        to: "    if (!connection.control) this.#addCurrent(connection);\n    else if (connection.full)",
        why: "what is replayed waits until something is published",
      },
    ],
  },
  {
    file: "src/broadcast/publisher.ts",
    bugs: [
      {
        in: "close",
        from: "      feed.log.clear();\n",
        to: "",
        why: "a closed mob keeps its history",
      },
      {
        in: "publishPieces",
        from: "each !== feed && each.isUsed",
        to: "each !== feed && each.subscribers > 0",
        why: "a frame in pieces is in no history of another framing",
      },
    ],
  },
  {
    file: "src/server/arrivals.ts",
    bugs: [
      {
        in: "open",
        from: "lifecycle.hooks.any || feed.hasPending(connection)",
        to: "lifecycle.hooks.any",
        why: "what is replayed waits for the next event",
        proof: { on: ["node"], tests: HISTORY, named: "receives the last bytes" },
      },
    ],
  },
  {
    file: "src/server/acceptor.ts",
    bugs: [
      {
        in: "opens",
        from: "if (this.#options.history === 0) return;",
        to: "return;",
        why: "the history of a framing begins with its first connection",
      },
    ],
  },
  {
    file: "src/server/options.ts",
    proof: { on: ["node"], tests: HISTORY, named: "quarter of maxLag is refused" },
    bugs: [
      {
        in: "resolveOptions",
        from: "if (history > maxLag / 4) {",
        to: "if (history > maxLag) {",
        why: "a history may be so long that connections join far behind",
      },
    ],
  },
  {
    file: "src/admission/resume.ts",
    proof: { on: ["node"], tests: RESUME },
    bugs: [
      {
        in: "from",
        from: "=> epoch === this.#asked.epoch",
        to: "=> epoch !== undefined",
        why: "an offset counts in any epoch",
      },
      {
        in: "from",
        from: "!numbering || from > end",
        to: "!numbering",
        why: "an offset in the future is beyond the log",
        sample: true,
      },
      {
        in: "resumeStep",
        from: "return asked !== undefined;",
        to: "return true;",
        why: "any first frame is a hello",
      },
    ],
  },
  {
    file: "src/framing/hello.ts",
    proof: { on: ["node"], tests: RESUME },
    bugs: [
      {
        in: "helloOf",
        from: 'offset.toString(16).padStart(16, "0")',
        to: 'offset.toString(16).padEnd(16, "0")',
        why: "the offset of a hello is shifted",
      },
    ],
  },
  {
    file: "src/server/options.ts",
    proof: { on: ["node"], tests: RESUME, named: "is refused by name" },
    bugs: [
      {
        in: "resolveListener",
        from: "if (resume) checkResume(mob);",
        to: "",
        why: "a listener resumes where nothing can be resumed",
      },
      {
        in: "resolveListener",
        from: "if (resume && rules.framing !== mob.framing) {",
        to: "if (resume && rules.framing === undefined) {",
        why: "offsets count in another framing than the mob's",
      },
    ],
  },
];

const CLIENT = "test/unit/resuming_client.test.ts";

/** The bugs of clients that resume. */
export const RESUMING: readonly Group[] = [
  {
    file: "src/client/stream_place.ts",
    proof: { on: ["node"], tests: CLIENT },
    bugs: [
      {
        in: "end",
        from: "begins.offset + this.received",
        to: "this.#asked.offset + this.received",
        why: "a client asks again for what it was told is missing",
        sample: true,
      },
      {
        in: "missing",
        from: "return begins.offset - this.#asked.offset;",
        to: "return 0;",
        why: "a gap is not told",
      },
      {
        in: "missing",
        from: "begins?.epoch !== this.#asked.epoch || ",
        to: "begins === undefined || ",
        why: "offsets of two epochs are compared",
      },
      {
        in: "StreamPlace.receive",
        from: "this.#filled += taken.length;",
        to: "this.#filled = taken.length;",
        why: "a hello that comes in parts is never whole",
      },
      {
        in: "StreamPlace.receive",
        from: '"MOB1"',
        to: '"mob1"',
        why: "a client takes its own hello for that of a mob",
      },
    ],
  },
  {
    file: "src/client/socket_client.ts",
    proof: { on: ["node"], tests: CLIENT },
    bugs: [
      {
        from: "if (this.place) this.place.received += length;\n",
        to: "",
        why: "a message that came in pieces is received twice",
      },
      {
        in: "#receiveHello",
        from: "else if (place.begun) this.#wakeReaders();",
        to: "",
        why: "a gap is told with the next message",
      },
    ],
  },
  {
    file: "src/client/reconnecting_client.ts",
    proof: { on: ["node"], tests: CLIENT },
    bugs: [
      {
        in: "#resumesAt",
        from: "if (place) this.#newest = this.#current;",
        to: "",
        why: "an iterator goes on to messages that the next connection brings again",
      },
      {
        in: "#resumesAt",
        from: "const place = this.#current?.client.place;",
        to: "const place = this.#newest?.client.place;",
        why: "messages of a connection between two others are missed, and nobody is told",
      },
      {
        in: "#live",
        from: "this.#current?.client.place && FOR_GOOD.has(failure.code)",
        to: "FOR_GOOD.has(failure.message as never)",
        why: "a client publishes its hello again and again",
      },
      {
        in: "#take",
        from: "if (this.#newest!.client.place?.begun === false) return undefined;",
        to: "",
        why: "a gap is told before it is known",
      },
    ],
  },
];
