/**
 * A listener: accepts clients. It has its own framing, access list, handshake steps and registry.
 *
 * @module
 */

import { AccessList } from "../admission/access_list.ts";
import { chain, type Handshake, type HandshakeStep } from "../admission/handshake.ts";
import { secretStep } from "../admission/secret.ts";
import type { ListeningSocket, Registry } from "../contract/adapter.ts";
import { type Address, formatAddress } from "../contract/address.ts";
import type { ServerTls } from "../contract/tls.ts";
import type { FramingName } from "../framing/framing.ts";
import { logger } from "../logger.ts";

/** What a listener requires of its clients. */
export interface ListenerRules {
  /** How frames are delimited. */
  readonly framing: FramingName;
  /** The addresses that may connect; an empty list allows all. */
  readonly allow: readonly string[];
  /** The addresses that may not connect, even if `allow` has them. */
  readonly deny: readonly string[];
  /** What a client has to send in its first frame; `undefined`: nothing. */
  readonly secret: string | undefined;
}

/** Makes the registry of one listener. */
export type RegistryFor = (listener: Listener) => Registry;

/** One URL to which clients connect, and the rules for them. */
export class Listener {
  /** The framing of its connections, in both directions. */
  readonly framing: FramingName;
  /** Which remote addresses may connect. */
  readonly accessList: AccessList;
  /** The functions that the adapter calls. */
  readonly registry: Registry;
  readonly #address: Address;
  readonly #query: string;
  readonly #steps: readonly HandshakeStep[];
  #socket: ListeningSocket | undefined;

  /** Makes a listener that is not open yet. `query` ends its URL where the URL names the framing. */
  constructor(address: Address, query: string, rules: ListenerRules, registryFor: RegistryFor) {
    this.framing = rules.framing;
    this.accessList = new AccessList(rules.allow, rules.deny);
    this.#address = address;
    this.#query = query;
    this.#steps = rules.secret === undefined ? [] : [secretStep(rules.secret, rules.framing)];
    this.registry = registryFor(this);
  }

  /** Its URL. Once the listener is open, a port of 0 has become a real one. */
  get url(): string {
    return formatAddress(this.#socket?.address ?? this.#address) + this.#query;
  }

  /** The URLs at which it is open: its own, or for a host name one URL for each IP address. */
  get addresses(): readonly string[] {
    const { address = this.#address, addresses = [address] } = this.#socket ?? {};
    return addresses.map((each) => formatAddress(each) + this.#query);
  }

  /** The handshake of a new connection, with `last` as its last step; `undefined`: the connection joins at once. */
  handshake(last: HandshakeStep | undefined): Handshake | undefined {
    return chain(last ? [...this.#steps, last] : this.#steps);
  }

  /** The adapter has opened the listener. */
  opened(socket: ListeningSocket): void {
    this.#socket = socket;
  }

  /** Whether the listener can take new certificates. */
  get reloads(): boolean {
    return this.#socket?.reload !== undefined;
  }

  /** Shows these certificates to new connections from now on. */
  async reload(tls: ServerTls): Promise<void> {
    await this.#socket?.reload?.(tls);
  }

  /** Stops accepting. Resolves when the address is free again; what cannot be closed, a file for example, is logged. */
  async close(): Promise<void> {
    try {
      await this.#socket?.close();
    } catch (error) {
      logger.error("Cannot close the listener {url}: {error}", { url: this.url, error });
    }
  }
}
