/**
 * The stage of one test of an adapter: listeners, connections and raw clients, closed and checked at the end.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { Adapter, DialOptions, ListeningSocket, ListenOptions } from "../../src/contract/adapter.ts";
import type { Address } from "../../src/contract/address.ts";
import { assertPatternUntouched } from "./pattern.ts";
import { RawClient } from "./raw_client.ts";
import { type Link, Recorder } from "./recording_registry.ts";
import { OVER_TCP, plainSocket, through, type Transport } from "./transports.ts";
import { Bell, within, withinEach } from "./wait.ts";

/** An open listener, and the connections it accepted. */
export interface Listener {
  readonly address: Address;
  readonly registry: Recorder;
  readonly listener: ListeningSocket;
}

/** Everything that one test opens. It closes it again, and reports what broke a rule. */
export class Stage {
  readonly adapter: Adapter;
  readonly bell: Bell = new Bell();

  readonly #transport: Transport;
  readonly #recorders: Recorder[] = [];
  readonly #listeners: ListeningSocket[] = [];
  readonly #raw: RawClient[] = [];

  constructor(adapter: Adapter, transport: Transport = OVER_TCP) {
    this.adapter = through(transport, adapter);
    this.#transport = transport;
  }

  /** A registry whose connections are closed, and whose violations are reported, at the end. */
  recorder(): Recorder {
    const recorder = new Recorder(this.bell);
    this.#recorders.push(recorder);
    return recorder;
  }

  /** Opens a listener, by default on a free port. */
  listener(host = "127.0.0.1", port = 0, options?: ListenOptions): Promise<Listener> {
    return this.listenerAt(this.#transport.address(host, port), options);
  }

  /** Opens a listener at an address. */
  async listenerAt(address: Address, options?: ListenOptions): Promise<Listener> {
    const registry = this.recorder();
    const listener = await within(this.adapter.listen(address, registry, options), "listen");
    this.#listeners.push(listener);
    return { address: listener.address, registry, listener };
  }

  /** Connects with the adapter under test. */
  async connect(address: Address, options?: DialOptions): Promise<Link> {
    const registry = this.recorder();
    await within(this.adapter.connect(address, registry, options), "connect");
    assertEquals(registry.links.length, 1, "connections accepted when connect resolved");
    return registry.links[0]!;
  }

  /** Connects so many times at once. */
  async connectAll(address: Address, count: number): Promise<Link[]> {
    const registries = Array.from({ length: count }, () => this.recorder());
    await withinEach(registries.map((registry) => this.adapter.connect(address, registry)), "connects");
    for (const { links } of registries) assertEquals(links.length, 1, "connections accepted when connect resolved");
    return registries.map(({ links }) => links[0]!);
  }

  /** Connects without the adapter. The client reads nothing before the test asks for it. */
  async raw(address: Address): Promise<RawClient> {
    const below = plainSocket(address);
    const socket = this.#transport.raw(below);
    const client = new RawClient(this.bell, socket, below);
    this.#raw.push(client);
    let connected = false;
    socket.once(socket === below ? "connect" : "secureConnect", () => {
      connected = true;
      this.bell.ring();
    });
    await this.bell.until(() => connected || client.closed, "the raw client to connect");
    if (!connected) throw client.error ?? new Error("the raw client could not connect");
    return client;
  }

  /** Both ends of one connection, on the adapter under test. */
  async pair(): Promise<{ listener: Listener; server: Link; client: Link }> {
    const listener = await this.listener();
    const client = await this.connect(listener.address);
    return { listener, client, server: await listener.registry.accepted() };
  }

  /** A connection of the adapter under test, and a raw client at the other end. */
  async rawPair(): Promise<{ listener: Listener; server: Link; client: RawClient }> {
    const listener = await this.listener();
    const client = await this.raw(listener.address);
    return { listener, client, server: await listener.registry.accepted() };
  }

  /** Closes everything, and fails if a rule was broken meanwhile. */
  async end(): Promise<void> {
    await within(Promise.all(this.#listeners.map((listener) => listener.close())), "the listeners to close");
    for (const { links } of this.#recorders) for (const link of links) link.close();
    for (const { socket } of this.#raw) socket.destroy();
    await this.bell.until(() => this.#raw.every(({ closed }) => closed), "the raw clients to be gone");
    const violations = [...this.#recorders, ...this.#raw].flatMap((watched) => watched.violations);
    assertEquals(violations, [], "rules broken");
    assertPatternUntouched();
  }
}
