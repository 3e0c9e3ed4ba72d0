/**
 * The connection of the commands `stats` and `top`.
 *
 * @module
 */

import { CONNECT_TIMEOUT } from "../client/dial.ts";
import { readCredentials } from "./client_flags.ts";
import type { ClientFlags } from "./listener_flags.ts";
import { attempt, type Session } from "./session.ts";
import { StatusClient } from "./status_client.ts";
import { parseStatusUrl } from "./status_url.ts";

/** The options of `stats` and `top`. */
export type StatusFlags = Omit<ClientFlags, "secretFile">;

/** A client for a URL that was checked. `signal` ends what is under way. */
export async function openStatus(
  { terminal }: Session,
  url: string,
  flags: StatusFlags,
  signal: AbortSignal,
): Promise<StatusClient> {
  const { tls } = await attempt(readCredentials(terminal, flags));
  const { connectTimeout = CONNECT_TIMEOUT } = flags;
  return new StatusClient(terminal, parseStatusUrl(url), { tls, connectTimeout, signal });
}
