/**
 * Listening at a host: at its one address, or by its name at all of them. What a name needs is loaded for names alone.
 *
 * @module
 */

import { isIP } from "node:net";
import type { ListeningSocket } from "../../src/contract/adapter.ts";
import type { NetworkAddress } from "../../src/contract/address.ts";

/** Opens one address; the result has its host and port as `address`. */
export type OpenOne = (address: NetworkAddress) => Promise<ListeningSocket>;

/** Opens the host of an address with `open`: an IP address as it is, a name at each of its addresses. */
export async function listenAt(address: NetworkAddress, open: OpenOne): Promise<ListeningSocket> {
  if (isIP(address.host) === 0) return await (await import("./names.ts")).listenEverywhere(address, open);
  const listener = await open(address);
  return { ...listener, address: { ...(listener.address as NetworkAddress), host: address.host } };
}
