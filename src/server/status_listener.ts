/**
 * The status listener of a mob: HTTP for operators. Loaded with its first use, since most mobs have none.
 *
 * @module
 */

import { AccessList, isLocal } from "../admission/access_list.ts";
import { ipAddressOf } from "../admission/admission.ts";
import { warnExposed } from "../admission/exposure.ts";
import type { Adapter, ListeningSocket } from "../contract/adapter.ts";
import type { Address } from "../contract/address.ts";
import type { HttpHandler } from "../contract/http.ts";
import type { ServerTls } from "../contract/tls.ts";
import { describe } from "../errors.ts";
import { logger } from "../logger.ts";
import type { StatusSource } from "../status/source.ts";
import type { CertificateSources } from "./certificates.ts";
import type { TransportOptions } from "./mob_options.ts";
import { CANNOT, type CheckedStatus, checkStatus, type StatusOption, statusUrlOf } from "./status_options.ts";

/** A mob, as far as its status listener knows it. */
type StatusMob = StatusSource & { readonly adapter: Adapter };

/** Serves the status of one mob at one URL. */
export class StatusListener {
  readonly #mob: StatusMob;
  readonly #transportOptions: TransportOptions;
  #opening: Promise<ListeningSocket> | undefined;
  #socket: ListeningSocket | undefined;

  /** A listener that is not open yet. What its options leave out of the transport is as for the listeners of the mob. */
  constructor(mob: StatusMob, transportOptions: TransportOptions) {
    this.#mob = mob;
    this.#transportOptions = transportOptions;
  }

  /** Its URL, in which a port of 0 has become a real one; `undefined` while it is not open. */
  get url(): string | undefined {
    return this.#socket && statusUrlOf(this.#socket.address);
  }

  /** Opens it, and returns its URL: see `Mob.serveStatus`. `certificates` has those of the mob's listeners. */
  async open(status: StatusOption, certificates: () => Promise<CertificateSources>): Promise<string> {
    const { tls = this.#transportOptions.tls, unixMode = this.#transportOptions.unixMode, ...given } = checkStatus(
      status,
    );
    if (this.#mob.state !== "open") throw closedError(given.text);
    if (this.#opening) {
      throw new Error(`${CANNOT} ${given.text}: it is on ${this.url ?? "another URL"} already, once for a mob`);
    }
    this.#opening = this.#listen({ ...given, tls, unixMode }, certificates);
    try {
      this.#socket = await this.#opening;
    } finally {
      if (!this.#socket) this.#opening = undefined;
    }
    if (given.address.transport === "tls" && tls) (await certificates()).add(this, tls);
    return this.url!;
  }

  async #listen(
    { text, address, allow = [], deny = [], hosts, tls, unixMode }: CheckedStatus,
    sources: () => Promise<CertificateSources>,
  ): Promise<ListeningSocket> {
    const { adapter } = this.#mob;
    if (!adapter.listenHttp) throw new Error(`${CANNOT} ${text}: this adapter has no HTTP (listenHttp)`);
    // With the port, which the URL need not name.
    const where = statusUrlOf(address);
    try {
      const certificates = address.transport === "tls" ? await (await sources()).get(tls) : undefined;
      checkExposure(where, address, allow, certificates);
      const list = new AccessList(allow, deny);
      const socket = await adapter.listenHttp(address, {
        handler: await this.#handler(address, hosts),
        // Clients of a Unix socket have no address.
        allows: (remote) => address.transport === "unix" || list.refuses(ipAddressOf(remote)) === undefined,
        tls: certificates,
        unixMode: address.transport === "unix" ? unixMode : undefined,
      });
      if (this.#mob.state === "open") return socket;
      await socket.close();
    } catch (cause) {
      throw describe(`${CANNOT} ${where}`, cause);
    }
    throw closedError(text);
  }

  /** Answers requests. Names of hosts besides those given are refused, except the own one; a Unix socket has none to rebind. */
  async #handler(address: Address, hosts: readonly string[] | undefined): Promise<HttpHandler> {
    const { statusHandler } = await import("../status/handler.ts");
    // An address of IPv6 is no name, and answered in any case.
    const names = address.transport === "unix"
      ? hosts
      : [address.host, ...hosts ?? []].filter((name) => !name.includes(":"));
    const handler = statusHandler(this.#mob, { hosts: names });
    return async (request) => {
      try {
        return await handler(request);
      } catch (error) {
        logger.error("Cannot answer {url}, please report it: {error}", { url: request.url, error });
        throw error;
      }
    };
  }

  /** Shows these certificates to new connections from now on. */
  async reload(tls: ServerTls): Promise<void> {
    await this.#socket?.reload?.(tls);
  }

  /** Ends it with all its connections. What cannot be closed, a file for example, is logged. */
  async close(): Promise<void> {
    try {
      // One that is being opened closes itself.
      await this.#opening?.catch(() => {});
      await this.#socket?.close();
    } catch (error) {
      logger.error("Cannot close the listener {url}: {error}", { url: this.url, error });
    }
    this.#socket = undefined;
  }
}

/** Warns of a status listener that more clients reach than intended. It shows the connections, and cannot change them. */
function checkExposure(url: string, address: Address, allow: readonly string[], tls: ServerTls | undefined): void {
  if (address.transport === "unix" || isLocal(address.host) || allow.length > 0 || tls?.ca !== undefined) return;
  const how = tls ? ": ask for client certificates (ca)" : ", in the clear: use https:// with client certificates";
  warnExposed(url, `see the addresses and the traffic of all connections${how}`, "listen on 127.0.0.1");
}

function closedError(text: string): Error {
  return new Error(`${CANNOT} ${text}: the mob is closed`);
}
