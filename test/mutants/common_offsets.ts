/**
 * Mutants of mobs that count alike.
 *
 * @module
 */

import type { Group } from "./mutant.ts";

const COMMON = "test/unit/common_offsets.test.ts";

/** The bugs of mobs that count alike. */
export const COMMON_OFFSETS: readonly Group[] = [
  {
    file: "src/bus/common_offsets.ts",
    proof: { on: ["node"], tests: COMMON },
    bugs: [
      {
        in: "begin",
        from: "sequence === 0 ? epochOf(life) : freshEpoch()",
        to: "epochOf(life)",
        why: "a mob that joins later counts from there, in the way of the others",
        sample: true,
      },
      {
        in: "#doubt",
        from: "    this.#restart(freshEpoch());\n",
        to: "",
        why: "a mob that has missed something counts on",
      },
      {
        in: "#doubt",
        from: "    this.#ends = [];\n",
        to: "",
        why: "what is said of a place before a gap counts behind it",
      },
      {
        in: "CommonOffsets.told",
        from: "if (offset !== ownOffset) this.#doubt();",
        to: "",
        why: "mobs that count differently in one way go on",
      },
      {
        in: "CommonOffsets.told",
        from: "if (offset !== ownOffset) this.#doubt();",
        to: "if (offset !== ownOffset) this.missed();",
        why: "a client that comes to a mob that begins to count anew is cut off",
      },
      {
        in: "CommonOffsets.told",
        from: "base: offset - end.carried, from: end.carried",
        to: "base: offset - end.carried, from: 0",
        why: "what a mob has read before it was told counts in the way of the others",
        proof: { on: ["node"], tests: COMMON, named: "the older way of counting wins" },
      },
      {
        in: "CommonOffsets.told",
        from: "offset > ownOffset",
        to: "offset < ownOffset",
        why: "the younger way of counting wins",
      },
      {
        in: "CommonOffsets.told",
        from: "each.sequence <= sequence",
        to: "each.sequence < sequence",
        why: "what is said of a place is taken for the one before",
      },
    ],
  },
  {
    file: "src/bus/bus.ts",
    proof: { on: ["node"], tests: COMMON },
    bugs: [
      {
        in: "#gap",
        from: "      this.#offsets.missed();\n",
        to: "",
        why: "offsets go on over a gap of the bus",
        proof: { on: ["node"], tests: "test/unit/common_offsets_random.test.ts" },
      },
    ],
  },
  {
    file: "src/server/on_bus.ts",
    proof: { on: ["node"], tests: COMMON, named: "has missed something" },
    bugs: [
      {
        in: "#gap",
        from: "    publisher.forget();\n",
        to: "",
        why: "a history has a hole",
      },
    ],
  },
  {
    file: "src/broadcast/publisher.ts",
    proof: { on: ["node"], tests: COMMON, named: "whatever the framing of the sender" },
    bugs: [
      {
        in: "#published",
        from: "bytes, start, end, count, true)",
        to: "bytes, start, end, count)",
        why: "offsets count what lines cannot carry",
      },
      {
        in: "forget",
        from: "    this.seal();\n",
        to: "",
        why: "a message of mobcast.u64 goes on behind a gap",
        proof: {
          on: ["node"],
          tests: "test/unit/bus_gaps.test.ts",
          named: "a client of mobcast.u64 that joins behind a gap",
        },
      },
    ],
  },
];
