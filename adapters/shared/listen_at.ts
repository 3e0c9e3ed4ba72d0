/**
 * Listening at a host: at its one address, or by its name at all of them. What a name needs is loaded for names alone.
 *
 * @module
 */

import type { ListeningSocket } from "../../src/contract/adapter.ts";
import type { NetworkAddress } from "../../src/contract/address.ts";

/** Opens one address; the result has its host and port as `address`. */
export type OpenOne = (address: NetworkAddress) => Promise<ListeningSocket>;

/** Opens the host of an address with `open`: an IP address as it is, a name at each of its addresses. */
export async function listenAt(address: NetworkAddress, open: OpenOne): Promise<ListeningSocket> {
  if (!isIPv4(address.host)) {
    const { isAddress, listenEverywhere } = await import("./names.ts");
    if (!isAddress(address.host)) return await listenEverywhere(address, open);
  }
  const listener = await open(address);
  return { ...listener, address: { ...(listener.address as NetworkAddress), host: address.host } };
}

/** Whether `isIP` of `node:net` says 4, which takes 6 ms to load on Bun. */
export function isIPv4(host: string): boolean {
  return /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/.test(host);
}
