/**
 * Listeners: a world has one to three, which may differ in framing, in secret and in access lists.
 *
 * @module
 */

import type { FramingName } from "../../src/framing/framing.ts";
import { LISTS, OPEN_HOUSE } from "./admission.ts";
import type { FeedName } from "./feeds.ts";
import type { Simulation } from "./simulation.ts";
import { pick, type Random, type Settings } from "./settings.ts";

/** A listener besides the first, which has the rules of the mob. */
export interface ExtraListener {
  readonly framing: FramingName | "websocket";
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
  /** Whether its clients are WebSocket clients. */
  readonly isWeb: boolean;
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

/** Draws WebSocket listeners, besides those: in two worlds of three there are none. */
export function drawWebListeners(random: Random, mayAsk: boolean): { first: boolean; listeners: ExtraListener[] } {
  if (random() < 0.66) return { first: false, listeners: [] };
  const listeners = Array.from({ length: pick(random, [1, 1, 2]) }, () => ({
    framing: "websocket" as const,
    lists: random() < 0.8 ? 0 : Math.floor(random() * LISTS.length),
    secret: pick(random, [undefined, undefined, undefined, mayAsk ? "the secret of pages" : undefined]),
  }));
  return { first: random() < 0.25, listeners };
}

/** The URL of a listener, as far as the network knows it. */
export function urlOf(index: number, isWeb = false): string {
  return `${isWeb ? "ws" : "tcp"}://127.0.0.1:${index + 1}`;
}

/** The feed of a client of a listener: one of two kinds of WebSocket clients, or that of the listener's framing. */
export function feedOf({ isWeb, framing }: SimulatedListener, client: number): FeedName {
  if (!isWeb) return framing;
  return client % 2 === 0 ? "mobcast.u64" : "websocket";
}

/** The listeners of a world. `framing` and `secret` are those of its mob. */
export function listenersOf(
  { listeners = [], welcome = OPEN_HOUSE, isWeb = false }: Settings,
  { framing, secret }: Pick<SimulatedListener, "framing" | "secret">,
): SimulatedListener[] {
  const extras = listeners.map((extra, index) => ({
    index: index + 1,
    framing: extra.framing === "websocket" ? framing : extra.framing,
    isWeb: extra.framing === "websocket",
    secret: extra.secret ?? secret,
    out: LISTS[extra.lists]!.out,
  }));
  return [{ index: 0, framing, isWeb, secret, out: welcome.out }, ...extras];
}

/** Opens the listeners of a world. */
export async function openListeners({ mob, settings }: Simulation): Promise<void> {
  await mob.listen(urlOf(0, settings.isWeb));
  for (const [index, { framing, lists, secret }] of (settings.listeners ?? []).entries()) {
    const { allow, deny } = LISTS[lists]!;
    const isWeb = framing === "websocket";
    await mob.listen(urlOf(index + 1, isWeb), {
      ...(!isWeb && { framing }),
      allow,
      deny,
      ...(secret !== undefined && { secret }),
    });
  }
}
