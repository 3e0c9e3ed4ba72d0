/**
 * Exposure: finds listeners that probably accept more clients than intended, and secrets sent in the clear.
 *
 * @module
 */

import { isLocal } from "./access_list.ts";
import type { Address } from "../contract/address.ts";
import { formatUrl } from "../framing/url.ts";
import { logger } from "../logger.ts";
import type { ServerTls } from "../contract/tls.ts";

/** The options that limit which clients a listener accepts. */
export interface ExposureOptions {
  /** The addresses that may connect; an empty list allows all. */
  readonly allow: readonly string[];
  /** What a client has to send in its first frame; `undefined`: nothing. */
  readonly secret: string | undefined;
}

/**
 * Checks a listener before it is opened. Throws when a secret would cross the network in the clear, and warns when any
 * client that reaches the listener may join. Listeners on loopback and on Unix sockets are not checked.
 */
export function checkExposure(
  address: Address,
  options: ExposureOptions,
  tls?: ServerTls,
  webSocket: boolean = false,
): void {
  if (address.transport === "unix" || isLocal(address.host)) return;
  const url = formatUrl(address, webSocket);
  const secure = webSocket ? "wss" : "tls";
  const { allow, secret } = options;
  if (address.transport === "tcp") {
    if (secret !== undefined) {
      throw new Error(
        `Cannot listen on ${url}: the secret would cross the network in the clear, use ${secure}:// or listen on loopback`,
      );
    }
    if (allow.length > 0) return;
    warnExposed(
      url,
      `receive and send everything, in the clear: use ${secure}:// with client certificates`,
      "listen on 127.0.0.1",
    );
  } else if (tls?.ca === undefined && allow.length === 0 && secret === undefined) {
    warnExposed(url, "receive and send everything: ask for client certificates (ca)", "set a secret");
  }
}

/**
 * Checks the servers of a bus without TLS before they are connected to. Throws when a secret would cross the network in the
 * clear, and warns when frames will. Servers on loopback are not checked.
 */
export function checkBusExposure(servers: readonly string[], sendsSecret: boolean): void {
  const server = servers.find((url) => !isLocal(new URL(url).hostname.replace(/^\[(.*)\]$/, "$1")));
  if (server === undefined) return;
  if (sendsSecret) {
    throw new Error(
      `Cannot join the bus at ${server}: the secret would cross the network in the clear, use tls:// or an nkey`,
    );
  }
  logger.warning("Exposed: all frames cross the network to the bus at {server} in the clear, use tls://", { server });
}

/** Warns of a listener that is open to more clients than intended, and says what they can do. */
export function warnExposed(url: string, what: string, or: string): void {
  logger.warning(`Exposed: any client that reaches {url} can ${what}, allow only some addresses (allow), or ${or}`, {
    url,
  });
}

/**
 * Checks a connection before it is made. Throws when its secret would cross the network in the clear: no mob accepts it
 * there, and a mob without a secret would publish it as a message.
 */
export function checkPlaintext(url: string, address: Address, secret: string | undefined): void {
  if (secret === undefined || address.transport !== "tcp" || isLocal(address.host)) return;
  throw new Error(
    `Cannot connect to ${url}: the secret would cross the network in the clear, use tls:// or connect to loopback`,
  );
}
