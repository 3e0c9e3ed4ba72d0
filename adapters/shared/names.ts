/**
 * Host names: a listener on a host name with several addresses, such as `localhost`, is open at every one of them.
 *
 * @module
 */

import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import type { ListeningSocket } from "../../src/contract/adapter.ts";
import { systemError } from "../../src/errors.ts";
import { formatHostPort, type NetworkAddress } from "../../src/contract/address.ts";
import type { OpenOne } from "./listen_at.ts";

/** How often a port is tried until one is free at every address. */
const TRIES = 20;

/** Errors for an address that this machine does not have, such as ::1 without IPv6. */
const ABSENT: ReadonlySet<string> = new Set(["EADDRNOTAVAIL", "EAFNOSUPPORT", "EINVAL"]);

/** Whether a host is an IP address, and no name. */
export function isAddress(host: string): boolean {
  return isIP(host) !== 0;
}

/** The addresses of a host name. */
export type Resolve = (host: string) => Promise<readonly string[]>;

/**
 * Opens every address of the host with `open`, all or none: otherwise two servers could open one address each, and one
 * name would stand for two mobs. The name is resolved once, so that every try opens the same addresses.
 */
export async function listenEverywhere(
  address: NetworkAddress,
  open: OpenOne,
  resolve: Resolve = resolveHost,
): Promise<ListeningSocket> {
  try {
    return combine(address, await openAll(address, await resolve(address.host), open));
  } catch (error) {
    if (!isDenied(error)) throw error;
    // Deno may have permission for the name but not for its addresses: then Deno chooses one of them.
    return combine(address, [await open(address)]);
  }
}

async function resolveHost(host: string): Promise<readonly string[]> {
  return [...new Set((await lookup(host, { all: true, verbatim: true })).map(({ address }) => address))];
}

function isDenied(error: unknown): boolean {
  const { name, code } = error as { name?: string; code?: string };
  return name === "NotCapable" || code === "EPERM";
}

async function openAll(address: NetworkAddress, hosts: readonly string[], open: OpenOne): Promise<ListeningSocket[]> {
  for (let tries = 1;; tries++) {
    try {
      return await openOnce(address, hosts, open);
    } catch (error) {
      // The port is free at the first address and in use at another.
      const mayTryAgain = address.port === 0 && (error as { code?: string }).code === "EADDRINUSE";
      if (!mayTryAgain || tries === TRIES) throw error;
    }
  }
}

async function openOnce(address: NetworkAddress, hosts: readonly string[], open: OpenOne): Promise<ListeningSocket[]> {
  const listeners: ListeningSocket[] = [];
  let absent: unknown;
  let { port } = address;
  for (const host of hosts) {
    try {
      const listener = await open({ ...address, host, port });
      listeners.push(listener);
      port = (listener.address as NetworkAddress).port;
    } catch (error) {
      absent = error;
      if (ABSENT.has((error as { code?: string }).code ?? "")) continue;
      await closeAll(listeners);
      throw Object.assign(error as Error, { subject: formatHostPort(host, port) });
    }
  }
  if (listeners.length > 0) return listeners;
  throw absent ?? systemError("ENOTFOUND", "the host has no address");
}

async function closeAll(listeners: readonly ListeningSocket[]): Promise<void> {
  await Promise.all(listeners.map((listener) => listener.close()));
}

/** Combines the listeners into one, whose address has the host name. */
function combine(address: NetworkAddress, listeners: readonly ListeningSocket[]): ListeningSocket {
  const addresses = listeners.map((listener) => listener.address as NetworkAddress);
  return { address: { ...address, port: addresses[0]!.port }, addresses, close: () => closeAll(listeners) };
}
