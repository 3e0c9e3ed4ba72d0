/**
 * One attempt to connect, and its deadline.
 *
 * @module
 */

import { onAbort } from "../contract/abort.ts";
import type { Adapter, Registry } from "../contract/adapter.ts";
import type { Address } from "../contract/address.ts";
import type { ClientTls } from "../contract/tls.ts";
import type { WebSocketAddress } from "./websocket_url.ts";
import { AwakeClock } from "../reactor/awake_clock.ts";

/** The default of `connectTimeout`, in milliseconds. */
export const CONNECT_TIMEOUT = 10_000;

/** Where a client connects to. */
export type Destination = Address | WebSocketAddress;

/** What an attempt connects to, and how long it may take. */
export interface Attempt {
  readonly address: Destination;
  readonly registry: Registry;
  readonly tls?: ClientTls | undefined;
  /** How long it may take while the process runs, in milliseconds. Default 10 000. */
  readonly connectTimeout?: number | undefined;
}

/** The deadline of an attempt is over. */
export class DialTimeout extends Error {
  readonly code = "ETIMEDOUT";
}

/** Connects. Rejects with the signal's reason when it aborts, and with an error of the code `ETIMEDOUT` at the deadline. */
export async function dialInTime(adapter: Adapter, attempt: Attempt, signal: AbortSignal | undefined): Promise<void> {
  const { address, registry, tls, connectTimeout = CONNECT_TIMEOUT } = attempt;
  signal?.throwIfAborted();
  const late = new DialTimeout(`no answer within ${connectTimeout} ms`);
  const dialing = new AbortController();
  const cancel = new AwakeClock(adapter).after(connectTimeout, () => dialing.abort(late));
  const ignoreSignal = signal && onAbort(signal, () => dialing.abort(signal.reason));
  try {
    if (address.transport === "websocket") {
      await adapter.connectWebSocket!(address.url, registry, { signal: dialing.signal });
    } else await adapter.connect(address, registry, { signal: dialing.signal, tls });
  } catch (cause) {
    signal?.throwIfAborted();
    throw dialing.signal.aborted ? late : cause;
  } finally {
    cancel();
    ignoreSignal?.();
  }
}
