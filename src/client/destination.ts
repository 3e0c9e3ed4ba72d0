/**
 * The URL of a client: where it leads.
 *
 * @module
 */

import type { FramingName } from "../framing/framing.ts";
import { parseUrl } from "../framing/url.ts";
import type { Destination } from "./dial.ts";
import { isWebSocketUrl, webSocketAddress } from "./websocket_url.ts";

/** Where the URL of a client leads, and the framing that it names. Throws a `TypeError` when it is wrong. */
export function parseDestination(url: string): {
  readonly address: Destination;
  readonly framing: FramingName | undefined;
} {
  return isWebSocketUrl(url) ? { address: webSocketAddress(url, {}), framing: "u64" } : parseUrl(url);
}
