/**
 * Mutants of the load generator: a bench that measures or checks wrongly.
 *
 * @module
 */

import { type Group, unit } from "./mutant.ts";

/** The bugs of the load generator. */
export const LOAD: readonly Group[] = [
  {
    file: "src/load/receiver.ts",
    proof: unit("load", "a second receiver"),
    bugs: [
      {
        in: "#count",
        from: "if (sequence < (this.#due.get(publisher) ?? 0)) this.#late++;",
        to: "if (sequence + 1 < (this.#due.get(publisher) ?? 0)) this.#late++;",
        why: "a frame that comes twice in a row is not noticed",
        sample: true,
      },
      {
        in: "#count",
        from: "    else this.#due.set(publisher, sequence + 1);\n",
        to: "    this.#due.set(publisher, sequence + 1);\n",
        why: "a frame that comes late makes those behind it late as well",
      },
      {
        in: "#diverge",
        from: "    this.diverged = true;\n",
        to: "",
        why: "two clients may receive the frames in two orders",
      },
      {
        in: "#diverge",
        from: "joined(stream.bytes(stream.boundary(this.#number), this.offset), chunk)",
        to: "chunk",
        why: "a frame that was split at the first difference is read from its middle on",
      },
      {
        in: "#place",
        from: "this.#follow(rest.subarray(at));",
        to: "this.#follow(rest);",
        why: "what came before the first frame of the run is compared with it",
      },
    ],
  },
  {
    file: "src/load/frame_table.ts",
    proof: unit("load", "one delay in so many"),
    bugs: [
      {
        in: "pass",
        from: "((sequences[at]! + publishers[at]!) & (sample - 1)) === 0",
        to: "(publishers[at]! & (sample - 1)) === 0",
        why: "only the delays of the first publisher count",
      },
    ],
  },
  {
    file: "src/load/stream.ts",
    proof: unit("load", "stream"),
    bugs: [
      {
        in: "#checkFrame",
        from: "if (sequence < due) this.late++;",
        to: "if (sequence + 1 < due) this.late++;",
        why: "a frame that all clients receive twice is not noticed",
      },
      {
        in: "follows",
        from: "    if (!this.#equal(",
        to: "    if (known === 0 && !this.#equal(",
        why: "every client may receive other bytes",
        proof: unit("load", "other bytes in a frame"),
      },
      {
        in: "trim",
        from: "this.#dueBefore.set(publisher, Math.max(sequence + 1, this.#dueBefore.get(publisher) ?? 0));",
        to: "this.#dueBefore.set(publisher, 0);",
        why: "a client that differs late has every frame for a new one",
        proof: unit("load", "a stream that is trimmed"),
      },
    ],
  },
  {
    file: "src/load/message.ts",
    proof: unit("load", "a stream notices"),
    bugs: [
      {
        in: "stampOf",
        from: " || view.getUint32(stamp) !== id",
        to: "",
        why: "the frames of another run count",
      },
      {
        in: "isIntact",
        from: "return equal(rest, filling(sequence, rest.length));",
        to: "return rest.length >= 0 || equal(rest, filling(sequence, rest.length));",
        why: "a garbled payload is not noticed",
      },
      {
        in: "frames",
        from: "view.setUint32(at + 8, sequence);",
        to: "view.setUint32(at + 8, first);",
        why: "the frames of one write have one number",
        proof: unit("load", "the first receiver"),
      },
    ],
  },
  {
    file: "src/load/latency.ts",
    proof: unit("load", "delays"),
    bugs: [
      {
        in: "add",
        from: "Math.min(LONGEST, Math.max(1, Math.round(milliseconds * 1000)))",
        to: "Math.max(1, Math.round(milliseconds * 1000))",
        why: "a delay beyond the range ends the bench",
      },
      {
        in: "bars",
        from: "to: 2 ** (first + index) / 1000,",
        to: "to: 2 ** index / 1000,",
        why: "the bars of the histogram begin at a microsecond",
      },
      {
        in: "percentile",
        from: "getValueAtPercentile(percent) / 1000",
        to: "getValueAtPercentile(percent / 100) / 1000",
        why: "the percentiles are those of the shortest delays",
      },
    ],
  },
  {
    file: "src/load/schedule.ts",
    proof: unit("load", "loop"),
    bugs: [
      {
        in: "ClosedLoop.keepUp",
        from: "this.#inFlight - (sent - this.#sentBefore - back)",
        to: "this.#inFlight",
        why: "a closed loop has more frames under way than it was told",
      },
      {
        in: "ClosedLoop.keepUp",
        from: "(received - this.#receivedBefore) / clients.length",
        to: "(received - this.#receivedBefore) / this.#publishers",
        why: "a closed loop takes one delivery for all deliveries of a frame",
      },
      {
        in: "ClosedLoop.keepUp",
        from: "      if (!clients[publisher]!.flushed) continue;\n",
        to: "",
        why: "a closed loop sends through a publisher that is stuck",
      },
      {
        in: "OpenLoop.keepUp",
        from: "this.#began + (number + index * this.#publishers) * this.#interval;",
        to: "this.#adapter.now() + 0 * (number + index);",
        why: "a server that stalls is not charged for the frames that waited (coordinated omission)",
      },
      {
        in: "OpenLoop.keepUp",
        from: "    if (due > first) this.#sent = due;\n",
        to: "    if (due > first) this.#sent = Math.min(due, first + this.#publishers);\n",
        why: "an open loop sends frames again after a pause",
      },
    ],
  },
  {
    file: "src/cli/bench.ts",
    proof: unit("load", "delays"),
    bugs: [
      {
        in: "drawHistogram",
        from: ' || "▏"',
        to: "",
        why: "the histogram hides the longest delay when it is rare",
      },
      {
        in: "drawHistogram",
        from: "100 * count / Math.max(1, all)",
        to: "100 * count / most",
        why: "the shares of the histogram are those of its longest bar",
      },
      {
        in: "drawHistogram",
        from: "columns - BESIDE",
        to: "columns",
        why: "the histogram is wider than the terminal",
      },
      {
        in: "problemsOf",
        from: '...deliveries(reordered, "reordered"),',
        to: "",
        why: "bench: frames out of order are no failure",
        proof: unit("cli_bench", "bench: lost, repeated and reordered"),
      },
      {
        in: "runBench",
        from: "toJson(url, flags, outcome, busy)",
        to: "toJson(url, load as BenchFlags, outcome, busy)",
        why: "bench --json shows the secret",
        proof: unit("cli_listeners", "a client with the secret joins"),
      },
    ],
  },
  {
    file: "src/load/load.ts",
    proof: unit("cli_bench", "bench: lost, repeated and reordered"),
    bugs: [
      {
        from: "verdict.lost += Math.max(0, sent - received);",
        to: "verdict.lost += Math.max(0, received - sent);",
        why: "bench: frames that do not come are not lost",
      },
      {
        from: "verdict.reordered = Math.max(0, verdict.reordered - verdict.repeated);",
        to: "verdict.reordered = Math.max(0, verdict.reordered);",
        why: "bench: a frame that comes twice is out of order, too",
      },
    ],
  },
];
