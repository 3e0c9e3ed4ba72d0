/**
 * Listeners: a world has one to three, which may differ in framing, in secret and in access lists.
 *
 * @module
 */

import type { FramingName } from "../../src/framing/framing.ts";
import { LISTS, OPEN_HOUSE } from "./admission.ts";
import type { Simulation } from "./simulation.ts";
import { pick, type Random, type Settings } from "./settings.ts";

/** A listener besides the first, which has the rules of the mob. */
export interface ExtraListener {
  readonly framing: FramingName;
  /** Which of the lists it has. */
  readonly lists: number;
  /** What a client has to send first; `undefined`: what the mob asks for. */
  readonly secret: string | undefined;
}

/** A listener of a world. */
export interface SimulatedListener {
  /** Its place among the listeners. */
  readonly index: number;
  readonly framing: FramingName;
  readonly secret: string | undefined;
  /** Which addresses it keeps out. */
  readonly out: readonly string[];
}

/** Draws the listeners besides the first: in three worlds of five there are none. */
export function drawListeners(random: Random): ExtraListener[] {
  if (random() < 0.6) return [];
  return Array.from({ length: pick(random, [1, 1, 2]) }, () => ({
    framing: pick<FramingName>(random, ["u64", "u32", "line", "line"]),
    lists: random() < 0.7 ? 0 : Math.floor(random() * LISTS.length),
    secret: pick(random, [undefined, undefined, undefined, "another secret"]),
  }));
}

/** The URL of a listener. */
export function urlOf(index: number): string {
  return `tcp://127.0.0.1:${index + 1}`;
}

/** The listeners of a world. `framing` and `secret` are those of its mob. */
export function listenersOf(
  { listeners = [], welcome = OPEN_HOUSE }: Settings,
  { framing, secret }: Pick<SimulatedListener, "framing" | "secret">,
): SimulatedListener[] {
  const extras = listeners.map((extra, index) => ({
    index: index + 1,
    framing: extra.framing,
    secret: extra.secret ?? secret,
    out: LISTS[extra.lists]!.out,
  }));
  return [{ index: 0, framing, secret, out: welcome.out }, ...extras];
}

/** Opens the listeners of a world. */
export async function openListeners({ mob, settings }: Simulation): Promise<void> {
  await mob.listen(urlOf(0));
  for (const [index, { framing, lists, secret }] of (settings.listeners ?? []).entries()) {
    const { allow, deny } = LISTS[lists]!;
    await mob.listen(urlOf(index + 1), { framing, allow, deny, ...(secret !== undefined && { secret }) });
  }
}
