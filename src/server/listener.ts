/**
 * A listener: where clients come in. It has its own framing, access list, handshake steps and registry.
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

/** What a listener asks of those that come in. */
export interface ListenerRules {
  /** How frames are delimited. */
  readonly framing: FramingName;
  /** The addresses that may come in; none: all. */
  readonly allow: readonly string[];
  /** The addresses that may not, even if `allow` says so. */
  readonly deny: readonly string[];
  /** What a client has to send in its first frame, if anything. */
  readonly secret: string | undefined;
}

/** Makes the registry of one listener. */
export type RegistryFor = (listener: Listener) => Registry;

/** One address where clients come in, and the rules for them. */
export class Listener {
  /** How its connections send and receive. */
  readonly framing: FramingName;
  /** Which remote addresses may come in. */
  readonly accessList: AccessList;
  /** What the adapter calls. */
  readonly registry: Registry;
  readonly #address: Address;
  readonly #query: string;
  readonly #steps: readonly HandshakeStep[];
  #socket: ListeningSocket | undefined;

  /** A listener that is not open yet. `query` ends its URL, where that names its framing. */
  constructor(address: Address, query: string, rules: ListenerRules, registryFor: RegistryFor) {
    this.framing = rules.framing;
    this.accessList = new AccessList(rules.allow, rules.deny);
    this.#address = address;
    this.#query = query;
    this.#steps = rules.secret === undefined ? [] : [secretStep(rules.secret, rules.framing)];
    this.registry = registryFor(this);
  }

  /** Its URL: once it is open as opened, a port of 0 has become a real one. */
  get url(): string {
    return formatAddress(this.#socket?.address ?? this.#address) + this.#query;
  }

  /** The URLs of what it is open at: itself, or for a host name one URL for each of its IP addresses. */
  get addresses(): readonly string[] {
    const { address = this.#address, addresses = [address] } = this.#socket ?? {};
    return addresses.map((each) => formatAddress(each) + this.#query);
  }

  /** What a new connection has to do before it joins; `undefined`: nothing. */
  handshake(): Handshake | undefined {
    return chain(this.#steps);
  }

  /** It is open. */
  opened(socket: ListeningSocket): void {
    this.#socket = socket;
  }

  /** Whether it can take new certificates. */
  get reloads(): boolean {
    return this.#socket?.reload !== undefined;
  }

  /** New connections are met with these certificates from now on. */
  async reload(tls: ServerTls): Promise<void> {
    await this.#socket?.reload?.(tls);
  }

  /** Stops accepting. Resolves when the address is free again. */
  async close(): Promise<void> {
    await this.#socket?.close();
  }
}
