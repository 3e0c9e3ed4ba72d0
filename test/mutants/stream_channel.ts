/**
 * Mutants of the channel over a stream of an engine, which its unit tests find.
 *
 * @module
 */

import { type Group, type Proof, unit } from "./mutant.ts";

const proof: Proof = unit("stream_channel");
const FILTER: Proof = unit("stream_channel_filter");
const ANSWERS: Proof = unit("stream_channel_answers");
const GAPS: Proof = unit("stream_channel_gaps");

/** The bugs of the channel. */
export const STREAM_CHANNEL: readonly Group[] = [
  {
    file: "src/bus/node_filter.ts",
    proof,
    bugs: [
      {
        in: "judge",
        from: '    if (isBefore) return "repeated";\n',
        to: "",
        why: "what an engine has stored twice counts twice",
        sample: true,
      },
      {
        in: "judge",
        from: '        node.loose = true;\n        return "unannounced";',
        to: '        return "early";',
        why: "a node whose batch the engine has lost is silent for ever",
        proof: FILTER,
      },
      {
        in: "judge",
        from: "{ number, start: 0, pieces: [], loose: true",
        to: "{ number, start: 0, pieces: [], loose: false",
        why: "a late copy is a gap for those that join",
        proof: FILTER,
      },
      {
        in: "judge",
        from: "if (!node && start === 0 && this.#hasMissed(envelope)) {",
        to: "if (false as boolean) {",
        why: "a mob that does not know a node misses its first batches silently when the engine has lost them",
        proof: GAPS,
        sample: true,
      },
      {
        in: "#hasMissed",
        from: "previous.life === heard?.life && previous.sequence > heard.sequence",
        to: "previous.sequence > heard!.sequence",
        why: "a node that goes on in another stream tells a gap to those that join that",
        proof: GAPS,
      },
      {
        in: "#hasMissed",
        from: "> heard.sequence",
        to: "> 0",
        why: "a node that was silent for long tells a gap to those that have joined since",
        proof: GAPS,
      },
      {
        in: "#remember",
        from: "        if (this.#heard) this.#heard = { ...this.#heard, sequence };\n",
        to: "",
        why: "a node that was forgotten tells a gap",
        proof: GAPS,
      },
      {
        in: "loosen",
        from: "    this.begin(place);\n",
        to: "",
        why: "behind a gap that was told, nodes that were not heard before tell it once more",
        proof: GAPS,
      },
      {
        in: "loosen",
        from: "node.loose = name !== this.#own;",
        to: "void [node, name];",
        why: "behind a gap each node tells one of its own",
        proof: FILTER,
      },
      {
        in: "#add",
        from: "start < node.start ? piece.subarray(node.start - start) : piece",
        to: "piece",
        why: "bytes of a large batch count twice when its pieces overlap",
      },
      {
        in: "#add",
        from: "    node.loose = false;\n    return batch;",
        to: "    return batch;",
        why: "a batch that is missing long behind a gap is not told",
        proof: FILTER,
      },
      {
        in: "takeBack",
        from: "else Object.assign(node, { number: was.number, start: 0, loose: was.loose, lost: was.lost });",
        to: "",
        why: "a batch with the number of a refused one counts as repeated",
        proof: FILTER,
      },
      {
        in: "skipOwn",
        from: "if (isLast) node.lost = true;\n    else this.#add",
        to: "this.#add",
        why: "a copy of an own batch that is missing counts for others alone",
        proof: GAPS,
      },
      {
        in: "skipOwn",
        from: "    this.#passLost(node);\n",
        to: "",
        why: "what is missing of a batch is taken for a piece of a lost one",
        proof: GAPS,
      },
      {
        in: "judge",
        from: "    if (number > next.number) this.#passLost(next);\n",
        to: "",
        why: "behind a lost batch of its own a mob takes none of its own",
        proof: GAPS,
      },
      {
        in: "#headless",
        from: '    if (!isLast) return "piece";\n',
        to: "",
        why: "each piece without a beginning is a gap",
        proof: FILTER,
      },
    ],
  },
  {
    file: "src/bus/flight.ts",
    proof,
    bugs: [
      {
        in: "#answered",
        from: "this.#failures >= STUCK",
        to: "false",
        why: "an engine without a leader counts as there",
        proof: ANSWERS,
      },
      {
        in: "#answered",
        from: "if (sequence === undefined) this.#repeat(false);",
        to: "if (sequence === undefined) this.#repeat(true);",
        why: "what has no answer goes again under another id",
        proof: ANSWERS,
      },
      {
        in: "#answered",
        from: "if (sequence === undefined) this.#repeat(false);",
        to: "if (sequence === undefined) return;",
        why: "what has no answer never goes again",
        sample: true,
      },
      {
        in: "restartRead",
        from: "    this.#repeat(true);\n",
        to: "    this.#repeat(false);\n",
        why: "a new stream knows the ids of what it has lost",
        proof: GAPS,
      },
      {
        in: "restartRead",
        from: "    this.#next = 0;\n    this.#repeat(true);\n",
        to: "",
        why: "what was in the lost end of a stream is waited for",
        proof: GAPS,
      },
      {
        in: "#compare",
        from: "    if (isLast) this.landed();\n",
        to: "",
        why: "an own batch that is missing goes again",
        proof: GAPS,
      },
      {
        in: "#watch",
        from:
          "if (this.#attempt === attempt && !this.#away && !isBehind()) this.#repeat(true);\n      else this.#watch();",
        to: "",
        why: "what is stored and lost again is waited for",
        proof: ANSWERS,
      },
      {
        in: "#send",
        from: "${start}-${end}.${this.#generation}",
        to: "${start}-${end}",
        why: "what goes again in another stream has the same id",
        proof: FILTER,
      },
    ],
  },
  {
    file: "src/bus/stream_channel.ts",
    proof,
    bugs: [
      {
        in: "writable",
        from: " && this.#flight.number === undefined",
        to: "",
        why: "two batches are on their way",
        sample: true,
      },
      {
        in: "#judge",
        from: "!envelope || (isOwn && envelope.number > this.#written)",
        to: "!envelope",
        why: "a forged batch of a number that is not sent yet counts",
        proof: FILTER,
      },
      {
        in: "refuse",
        from: "    this.#previous = this.#previousBefore;\n",
        to: "",
        why: "a batch that was refused counts as one that others have lost",
        proof: GAPS,
      },
      {
        in: "#judge",
        from: "    this.#previous = { sequence, life: this.#life };\n",
        to: "",
        why: "a mob does not say where its last batch was",
        proof: GAPS,
      },
      {
        in: "#readRestart",
        from: "life === this.#life ? this.#sequence : 0",
        to: "0",
        why: "what a stream has lost with its end is told once more for each node",
        proof: GAPS,
      },
      {
        in: "#readRestart",
        from: "    this.#life = life;\n",
        to: "",
        why: "in a new stream no mob knows where the others were",
        proof: GAPS,
      },
      {
        in: "#judge",
        from: 'verdict === "piece" && isOwn && !isLate',
        to: 'verdict === "piece" && isOwn',
        why: "a piece of a lost batch counts as one of the next",
        proof: GAPS,
      },
      {
        in: "#judge",
        from: "      this.#kept = { sequence, bytes };\n",
        to: "",
        why: "the batch that shows a gap is lost",
        proof: FILTER,
      },
      {
        in: "#readMissed",
        from: "    for (const { own: numbers } of this.#found.splice(0)) own.push(...numbers);\n",
        to: "",
        why: "own batches in a gap are told apart from it",
        proof: GAPS,
      },
      {
        in: "refuse",
        from: "    this.#filter.takeBack();\n",
        to: "",
        why: "a refused batch counts as heard",
        proof: FILTER,
      },
      {
        in: "#lost",
        from: "    this.#filter.skipOwn(piece, isLast);\n",
        to: "",
        why: "a lost batch counts when a copy comes",
        proof: GAPS,
      },
    ],
  },
];
