/**
 * How clients end, and their errors: two closed sets.
 *
 * @module
 */

import { describe } from "../errors.ts";

/**
 * Every code of a {@link ClientError}, with what it means.
 *
 * @example
 * ```ts
 * import { CLIENT_ERRORS } from "mobcast";
 *
 * console.log(CLIENT_ERRORS.LOST); // the connection broke, or ended inside a frame
 * ```
 */
export const CLIENT_ERRORS = {
  "UNREACHABLE": "no connection could be made; the cause has the system's code",
  "TIMED_OUT": "no connection was made within connectTimeout",
  "REFUSED":
    "the mob ended the connection before anything was received: a limit, a list, the secret, or it was closing; or a WebSocket with code 1008 or 1013",
  "LAGGED":
    "the connection was ended while the client was behind: by the mob, or by a WebSocket with 16 MiB to be read",
  "LOST": "the connection broke, or ended inside a frame",
  "FRAME_TOO_LARGE": "a frame over maxFrame was received, by this client or (over a WebSocket, code 1009) by the mob",
  "NO_RESUME": "the client was to resume its stream, and the listener resumes none",
  "UNDELIVERED": "the client was closed, and not everything that it sent may have arrived",
  "ABORTED": "the client's signal aborted",
  "GAVE_UP": "a reconnecting client made its last attempt",
  "CLOSED": "something was sent after the client was closed, or after its connection had ended",
} as const;

/** The code of a {@link ClientError}. */
export type ClientErrorCode = keyof typeof CLIENT_ERRORS;

/**
 * An error of a client. Its `code` is one of {@link CLIENT_ERRORS}, and its `cause` what the runtime reported, where that
 * is known. A wrong argument is a `TypeError` or a `RangeError` instead, and an abort rejects with the signal's reason.
 *
 * @example
 * ```ts
 * import { ClientError, connect } from "mobcast";
 *
 * try {
 *   await connect("tcp://127.0.0.1:1");
 * } catch (error) {
 *   if (error instanceof ClientError) console.log(error.code); // UNREACHABLE
 * }
 * ```
 */
export class ClientError extends Error {
  /** Always `ClientError`. */
  override readonly name = "ClientError";
  /** What went wrong. */
  readonly code: ClientErrorCode;

  /** Makes an error. */
  constructor(code: ClientErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}

/**
 * Why a client ended. `closed`: it was closed here, and everything that it sent has arrived. `ended`: the mob ended the
 * connection in order. The others have an error: `refused` (REFUSED), `lagged` (LAGGED), `lost` (LOST, FRAME_TOO_LARGE, NO_RESUME),
 * `undelivered` (UNDELIVERED), `aborted` (ABORTED), `gave-up` (GAVE_UP).
 *
 * Deno cannot reset a connection that it accepted (https://github.com/denoland/deno/pull/33415 is for node:net). When a mob
 * on Deno cuts a client, for its lag perhaps, exactly at the end of a frame, the client sees an end in order: `ended`.
 */
export type ClientEndReason =
  | "closed"
  | "ended"
  | "refused"
  | "lagged"
  | "lost"
  | "undelivered"
  | "aborted"
  | "gave-up";

/**
 * How a client ended: what `closed` and `close()` resolve to.
 *
 * @example
 * ```ts
 * import { connect, serve } from "mobcast";
 *
 * const mob = await serve({ listen: "tcp://127.0.0.1:0" });
 * const client = await connect(mob.urls[0]!);
 * void client.closed.then(({ reason, error }) => console.log(reason, error?.code)); // refused REFUSED
 * await mob.close(); // before the client has received anything
 * ```
 */
export interface ClientEnd {
  /** Why it ended. */
  readonly reason: ClientEndReason;
  /** The error, unless it was `closed` or `ended`. */
  readonly error?: ClientError;
}

const REASONS: Partial<Readonly<Record<ClientErrorCode, ClientEndReason>>> = {
  REFUSED: "refused",
  LAGGED: "lagged",
  UNDELIVERED: "undelivered",
  ABORTED: "aborted",
  GAVE_UP: "gave-up",
};

/** The end of a client that ended with this error, or without one because of `otherwise`. */
export function endOf(error: ClientError | undefined, otherwise: "closed" | "ended"): ClientEnd {
  return error ? { reason: REASONS[error.code] ?? "lost", error } : { reason: otherwise };
}

/** The error of a signal that aborted. */
export function abortError(what: string, reason: unknown): ClientError {
  const why = reason instanceof Error ? reason.message : String(reason);
  return new ClientError("ABORTED", `${what}: the signal aborted (${why})`, reason);
}

/** The error of sending to the mob `name` with a client that has ended with `error`, or in order. */
export function closedError(name: string, error: ClientError | undefined): ClientError {
  return new ClientError("CLOSED", `Cannot send to ${name}: ${error?.message ?? "the connection is closed"}`, error);
}

/** The error of a connection to the mob `name` that could not be made. */
export function unreachableError(name: string, cause: unknown): ClientError {
  return new ClientError("UNREACHABLE", describe(`Cannot connect to ${name}`, cause).message, cause);
}
