/**
 * The connection of the commands `join` and `send`.
 *
 * @module
 */

import { connect } from "../client.ts";
import type { FramingName } from "../framing.ts";
import type { Peer } from "../peer.ts";
import { attempt, type Session } from "./session.ts";

/** The options of `join` and `send`. */
export interface PeerFlags {
  /** How frames are delimited. */
  readonly framing: FramingName;
  /** The largest payload to send or hear, in bytes. */
  readonly maxFrame: number;
}

/** Connects; `undefined` when it was told to stop meanwhile. */
export async function openPeer({ stop, drop }: Session, url: string, flags: PeerFlags): Promise<Peer | undefined> {
  if (stop.aborted) return undefined;
  // The peer obeys its signal for life: `drop` cuts it off, `stop` only while there is nothing yet to end properly.
  const cutting = new AbortController();
  const cut = (): void => cutting.abort();
  drop.addEventListener("abort", cut, { once: true });
  stop.addEventListener("abort", cut, { once: true });
  try {
    return await attempt(connect(url, { ...flags, signal: cutting.signal }));
  } catch (error) {
    if (stop.aborted) return undefined;
    throw error;
  } finally {
    stop.removeEventListener("abort", cut);
  }
}
