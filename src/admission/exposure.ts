/**
 * Exposure: what a listener lets in that was probably not meant.
 *
 * @module
 */

import { isLoopback } from "./access_list.ts";
import { type Address, formatAddress } from "../contract/address.ts";
import { logger } from "../logger.ts";
import type { ServerTls } from "../contract/tls.ts";

/** What limits who may come in through a listener. */
export interface ExposureOptions {
  /** The addresses that may come in; none: all. */
  readonly allow: readonly string[];
  /** What a client has to send first, if anything. */
  readonly secret: string | undefined;
}

/**
 * Looks at a listener before it is opened. Throws when a secret would cross the network in the clear, and warns when
 * anybody who reaches the listener may come in. A listener on loopback or on a Unix socket is this machine's own affair.
 */
export function checkExposure(address: Address, options: ExposureOptions, tls?: ServerTls): void {
  if (address.transport === "unix" || isLocal(address.host)) return;
  const url = formatAddress(address);
  const { allow, secret } = options;
  if (address.transport === "tcp") {
    if (secret !== undefined) {
      throw new Error(
        `Cannot listen on ${url}: the secret would cross the network in the clear, use tls:// or listen on loopback`,
      );
    }
    if (allow.length > 0) return;
    logger.warning(
      "Exposed: whoever reaches {url} may come in, receive everything and say anything, in the clear: " +
        "use tls:// with client certificates, name those who may come in (allow), or listen on 127.0.0.1",
      { url },
    );
  } else if (tls?.ca === undefined && allow.length === 0 && secret === undefined) {
    logger.warning(
      "Exposed: whoever reaches {url} may come in, receive everything and say anything: " +
        "ask for client certificates (ca), name those who may come in (allow), or set a secret",
      { url },
    );
  }
}

/**
 * Looks at a connection before it is made. Throws when its secret would cross the network in the clear: to no mob, since
 * none has such a listener, but to whoever listens, and to everybody where the mob asks for no secret.
 */
export function checkPlaintext(url: string, address: Address, secret: string | undefined): void {
  if (secret === undefined || address.transport !== "tcp" || isLocal(address.host)) return;
  throw new Error(
    `Cannot connect to ${url}: the secret would cross the network in the clear, use tls:// or connect to loopback`,
  );
}

function isLocal(host: string): boolean {
  // 127.1 is 127.0.0.1 to the system (inet(3)).
  return host.toLowerCase() === "localhost" || isLoopback(host) || /^127(\.[0-9]+){1,3}$/.test(host);
}
