/**
 * Endings: why the connection of a command is over, in words.
 *
 * @module
 */

import type { Client } from "../client/client.ts";
import type { ClientEnd } from "../client/client_error.ts";
import { Failure } from "./session.ts";

/** How long a stopped client waits for a server that does not hang up, in milliseconds. */
export const CLOSE_TIMEOUT = 5000;

/** What a refusal may be about: the wire does not tell. */
const REFUSAL = "is it full, does it keep this address out, or want a secret (--secret-file), a certificate " +
  "(--cert, --key), tls:// or another --framing?";

/** A connection that lasted longer, in milliseconds, was not refused: a server may wait 10 s for a secret. */
const REFUSAL_TIME = 15_000;

/** The failure that a connection's end after `lasted` ms is; `undefined` when it was ended here and nothing is missing. */
export function failureOf(url: string, { reason, error }: ClientEnd, lasted: number = 0): Failure | undefined {
  if (reason === "closed") return undefined;
  if (reason === "refused" && lasted <= REFUSAL_TIME) {
    return new Failure(`${error!.message}: ${REFUSAL}`, { cause: error });
  }
  const known = reason === "refused" && error!.cause === undefined ? undefined : error?.message;
  return new Failure(known ?? `Cannot stay in ${url}: the server ended the connection`, { cause: error });
}

/** Whether nothing more can be sent: then what is received, or the end, tells why. */
export function isOver({ state }: Client): boolean {
  return state === "closing" || state === "closed";
}
