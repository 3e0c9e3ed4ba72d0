/**
 * A listener: accepts clients. It has its own framing, access list, handshake steps and registry.
 *
 * @module
 */

import { AccessList, isLocal } from "../admission/access_list.ts";
import type { HandshakeStep } from "../admission/handshake.ts";
import type { Protocol, ProtocolRules, Upgrade } from "../admission/protocol.ts";
import type { ListeningSocket, Registry } from "../contract/adapter.ts";
import type { Address } from "../contract/address.ts";
import type { ServerTls } from "../contract/tls.ts";
import type { FramingName } from "../framing/framing.ts";
import { formatUrl } from "../framing/url.ts";
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
  /** Whether a client says first where it resumes. */
  readonly resume: boolean;
  /** The origins of pages that may connect, at a WebSocket listener. */
  readonly origins: readonly string[];
  /** The largest payload in bytes. */
  readonly maxFrame: number;
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
  /** The protocol around the frames; `undefined`: none. */
  readonly protocol: Protocol | undefined;
  readonly #address: Address;
  readonly #query: string;
  readonly #protocolRules: ProtocolRules;
  readonly #steps: readonly HandshakeStep[];
  #socket: ListeningSocket | undefined;

  /**
   * Makes a listener that is not open yet. `query` ends its URL where the URL says more than the address; `steps` are
   * what the rules ask of each connection.
   */
  constructor(
    address: Address,
    query: string,
    rules: ListenerRules,
    registryFor: RegistryFor,
    protocol: Protocol | undefined,
    steps: readonly HandshakeStep[],
  ) {
    this.framing = rules.framing;
    this.accessList = new AccessList(rules.allow, rules.deny);
    this.#address = address;
    this.#query = query;
    this.#steps = steps;
    const loopback = address.transport === "unix" || isLocal(address.host);
    this.#protocolRules = { origins: rules.origins, loopback, maxFrame: rules.maxFrame };
    this.protocol = protocol;
    this.registry = registryFor(this);
  }

  /** Its URL. Once the listener is open, a port of 0 has become a real one. */
  get url(): string {
    return this.#urlOf(this.#socket?.address ?? this.#address);
  }

  /** The URLs at which it is open: its own, or for a host name one URL for each IP address. */
  get addresses(): readonly string[] {
    const { address = this.#address, addresses = [address] } = this.#socket ?? {};
    return addresses.map((each) => this.#urlOf(each));
  }

  /** What a new connection has to do before it joins. `upgrade` changes the connection to the protocol. */
  steps(upgrade: (agreed: Upgrade) => void): HandshakeStep[] {
    const { protocol } = this;
    return protocol ? [protocol.step(this.#protocolRules, upgrade), ...this.#steps] : [...this.#steps];
  }

  #urlOf(address: Address): string {
    return formatUrl(address, this.protocol !== undefined) + (this.protocol ? "" : this.#query);
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
