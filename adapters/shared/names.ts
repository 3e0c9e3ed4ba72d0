/**
 * Names: a listener on a name that has several addresses, as `localhost` often has, is open at every one of them.
 *
 * @module
 */

import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import type { ListeningSocket } from "../../src/contract/adapter.ts";
import { formatHostPort, type NetworkAddress } from "../../src/contract/address.ts";

/** How often a free port is looked for that is free at every address. */
const TRIES = 20;

/** An address that this machine does not have, such as ::1 without IPv6: nobody else can have it either. */
const ABSENT: ReadonlySet<string> = new Set(["EADDRNOTAVAIL", "EAFNOSUPPORT", "EINVAL"]);

/** Opens one address, and says in `address` which host and port it is. */
export type OpenOne = (address: NetworkAddress) => Promise<ListeningSocket>;

/** The addresses of a host name. */
export type Resolve = (host: string) => Promise<readonly string[]>;

/**
 * Opens every address of the host with `open`, all or none: two servers that opened one address each would be two mobs of
 * one name. The name is resolved once, so that all that is opened, and opened again, is the same.
 */
export async function listenEverywhere(
  address: NetworkAddress,
  open: OpenOne,
  resolve: Resolve = resolveHost,
): Promise<ListeningSocket> {
  if (isIP(address.host) !== 0) {
    const listener = await open(address);
    return { ...listener, address: { ...(listener.address as NetworkAddress), host: address.host } };
  }
  try {
    return combine(address, await openAll(address, await resolve(address.host), open));
  } catch (error) {
    if (!isDenied(error)) throw error;
    // Deno may be allowed the name and not its addresses. Then Deno chooses one of them.
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
      // A port that was free at the first address is taken at another.
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
  throw absent ?? Object.assign(new Error("the host has no address"), { code: "ENOTFOUND" });
}

async function closeAll(listeners: readonly ListeningSocket[]): Promise<void> {
  await Promise.all(listeners.map((listener) => listener.close()));
}

/** One listener made of all. Its address has the name, by which clients find every one of them. */
function combine(address: NetworkAddress, listeners: readonly ListeningSocket[]): ListeningSocket {
  const addresses = listeners.map((listener) => listener.address as NetworkAddress);
  return { address: { ...address, port: addresses[0]!.port }, addresses, close: () => closeAll(listeners) };
}
