/**
 * The scripts: what ends of connections do to each other.
 *
 * @module
 */

import type { Script, Step } from "./script.ts";
import type { Habits } from "./watch.ts";

const KIB = 1024;
const MIB = 1024 * KIB;

// --- steps ---

const quiet = "quiet";
const fill = "fill";
const storm = "storm";
const fin: Step = { client: (client) => client.end() };
const reset: Step = { client: (client) => client.reset() };
const gone: Step = { client: (client) => client.close() };
const clientReads: Step = { client: (client) => client.read() };
const weRead: Step = { we: (watch) => watch.read() };
const weShutDown: Step = { we: (watch) => watch.shutdown() };
const weClose: Step = { we: (watch) => watch.close() };
const send = (length: number): Step => ({ client: (client) => client.send(length) });
const weWrite = (length: number): Step => ({ we: (watch) => watch.write(length) });

// --- habits ---

/** As in the core: a client that ends its stream leaves, so ours ends too. */
const LEAVES: Habits = { onEnd: (watch) => watch.shutdown() };

/** Reads only in the steps for it. */
const HOLDS: Habits = { holds: true };

/** Every script. The bytes that its client sends are counted once, here. */
export const SCRIPTS: readonly Script[] = [
  // --- ends ---
  script("bytes, then the end", LEAVES, 300, [send(300), fin]),
  script("the end alone", LEAVES, 0, [fin]),
  script("a megabyte, then the end", LEAVES, MIB, [send(MIB), fin]),
  script("the client ends, we answer and end", {}, 300, [send(300), fin, quiet, weWrite(1000), weShutDown]),
  script("we end, then the client sends and ends", {}, 300, [weShutDown, quiet, send(300), fin]),
  script("both end at once", {}, 0, [quiet, weShutDown, fin]),
  script("we end with unread input", HOLDS, 300, [send(300), quiet, weShutDown, quiet, fin, quiet, weRead]),

  // --- resets ---
  script("bytes and a reset at once", LEAVES, 300, [send(300), reset]),
  script("a megabyte and a reset at once", LEAVES, MIB, [send(MIB), reset]),
  script("bytes, and later a reset", LEAVES, 300, [send(300), quiet, reset]),
  script("a reset alone", LEAVES, 0, [quiet, reset]),
  script("a reset behind a few unread bytes", HOLDS, 300, [send(300), quiet, reset, quiet, weRead]),
  script("a reset behind many unread bytes", HOLDS, MIB, [send(MIB), quiet, reset, quiet, weRead]),
  script("a reset after the client's end", {}, 0, [fin, quiet, reset, quiet, weShutDown]),
  script("a reset after our end", LEAVES, 0, [weShutDown, quiet, reset]),
  script("resets before any connection is accepted", LEAVES, 0, [storm]),

  // --- clients that are gone ---
  script("connect and gone at once", LEAVES, 0, [gone]),
  script("connect and reset at once", LEAVES, 0, [reset]),
  script("gone, and we write again and again", {}, 0, [
    ...[quiet, gone, quiet, weWrite(1000), quiet, weWrite(1000), quiet, weWrite(1000)] as const,
  ]),
  script("a reset that we write into at once", {}, 0, [quiet, reset, weWrite(1000), weWrite(1000)]),
  script("gone while our writes wait", LEAVES, 0, [quiet, weWrite(16 * MIB), gone]),
  script("a reset after the client's end, and we write", {}, 0, [
    ...[fin, quiet, reset, quiet, weWrite(1000), quiet, weWrite(1000)] as const,
  ]),

  // --- full ---
  script("we write until it is full, then the client reads", {}, 0, [fill, clientReads]),
  script("we write until it is full, then a reset", {}, 0, [fill, reset]),
  script("we write until it is full, then the client is gone", {}, 0, [fill, gone]),
  script("we write until it is full, the client ends and reads", {}, 0, [fill, fin, quiet, clientReads]),
  script("we write until it is full and end, then the client reads and ends", {}, 0, [
    ...[fill, weShutDown, quiet, clientReads, quiet, fin] as const,
  ]),

  // --- we close ---
  script("we close with unread input", HOLDS, 300, [send(300), quiet, weClose]),
  script("we close in the event that brings bytes", { onData: (watch) => watch.close() }, 600, [send(300), send(300)]),
  script("we close inside accept", { onAccept: (watch) => watch.close() }, 0, [quiet]),
  script("we close when it is full", {}, 0, [fill, weClose]),
  script("we and the client close at once", {}, 300, [send(300), quiet, gone, weClose]),
];

function script(name: string, habits: Habits, sent: number, steps: readonly Step[]): Script {
  return { name, habits, sent, steps };
}
