/**
 * The mob: all connections that receive each other, and the listeners that accept them.
 *
 * @module
 */

import type { Adapter, ListeningSocket } from "../contract/adapter.ts";
import { formatAddress, urlText } from "../contract/address.ts";
import { AwakeClock } from "../reactor/awake_clock.ts";
import { checkOptions, isAdapter, refuse } from "../check.ts";
import type { CertificateSources } from "./certificates.ts";
import { QUERY_CHECKS } from "./connection_list.ts";
import { Dispatcher } from "./dispatcher.ts";
import { describe } from "../errors.ts";
import { frameOf, FRAMINGS } from "../framing/framing.ts";
import { type Payload, payloadOf } from "../framing/payload.ts";
import { Listener } from "./listener.ts";
import { loadParts } from "./listener_parts.ts";
import type { MobHooks } from "./hooks.ts";
import {
  type BusOptions,
  CLOSE_CHECKS,
  type CloseOptions,
  isDetail,
  joinChecks,
  type ListenerInfo,
  type ListenerOptions,
  newMobChecks,
  planListener,
  type TransportOptions,
} from "./mob_options.ts";
import { type MobOptions, type ResolvedOptions, resolveOptions } from "./options.ts";
import type { Client } from "../client/client.ts";
import type { JoinOptions } from "../client/client_options.ts";
import { SocketClient } from "../client/socket_client.ts";
import type { StatusListener } from "./status_listener.ts";
import type { StatusOption } from "./status_options.ts";
import { socketPair } from "../contract/socket_pair.ts";
import type { ConnectionQuery, ConnectionStats, MobStats } from "../status/stats.ts";
import type { MobEvent } from "../status/events.ts";
import type { MobState, StatusSource } from "../status/source.ts";
import type { Token } from "../contract/token.ts";

/**
 * A multi-echo server: whatever whole frame a connection sends, every connection receives, in one total order.
 *
 * `serve()` makes one for the runtime it runs on; make one yourself to bring your own {@link Adapter}.
 *
 * @example
 * ```ts
 * import { Mob } from "mobcast";
 * import { memoryAdapter } from "mobcast/memory";
 *
 * const mob = new Mob(memoryAdapter(), { maxConnections: 10 });
 * console.log(await mob.listen("tcp://127.0.0.1:0"));
 * await mob.close();
 * ```
 */
export class Mob implements AsyncDisposable, StatusSource {
  /** The options with every default filled in. */
  readonly options: ResolvedOptions;
  /** Resolves when the mob has closed: the last connection is gone, and its addresses are free again. */
  readonly closed: Promise<void>;
  /** The adapter that it was made with. */
  readonly adapter: Adapter;
  /**
   * What happens to connections: they join, are slow, leave, or are refused. Each loop gets what happens from its start on,
   * until the mob has closed or the loop ends. A loop that is slower than the events misses some, and gets
   * `{ type: "dropped", count }` in place of them: up to 1,024 wait.
   *
   * @example
   * ```ts
   * import { serve } from "mobcast";
   *
   * await using mob = await serve({ listen: "tcp://127.0.0.1:0" });
   * const events = mob.events[Symbol.asyncIterator]();
   * const client = mob.join();
   * console.log((await events.next()).value); // { type: "joined", ... }
   * await client.close();
   * for await (const event of { [Symbol.asyncIterator]: () => events }) {
   *   if (event.type === "left") console.log(event.remoteAddress, event.reason);
   *   break;
   * }
   * ```
   */
  readonly events: AsyncIterable<MobEvent>;

  readonly #dispatcher: Dispatcher;
  readonly #transportOptions: TransportOptions;
  readonly #listeners: Listener[] = [];
  /** Listeners that are being opened: `close()` waits for them. */
  readonly #opening: Set<Promise<unknown>> = new Set();
  /** Loaded with the first listener over TLS. */
  #certificates: CertificateSources | undefined;
  #status: StatusListener | undefined;
  #cancelDrain: (() => void) | undefined;
  #resolveClosed: () => void = () => {};
  #ended = false;
  #state: MobState = "open";

  /**
   * Makes a mob with no listener. Throws a `TypeError` or a `RangeError` when an option is wrong, naming the option and
   * the value.
   */
  constructor(adapter: Adapter, options: MobOptions & MobHooks & TransportOptions & BusOptions = {}) {
    isAdapter("adapter", adapter);
    const given = checkOptions("new Mob()", options, newMobChecks());
    const { authorize, onJoin, onMessage, onLeave, onGap, tls, unixMode, relay, ...others } = given;
    this.#transportOptions = { tls, unixMode };
    this.options = resolveOptions(others);
    this.closed = new Promise((resolve) => this.#resolveClosed = resolve);
    this.adapter = adapter;
    this.#dispatcher = new Dispatcher(adapter, this.options, { authorize, onJoin, onMessage, onLeave, onGap }, relay);
    // A mob that cannot join its bus would keep what its clients send for ever. What listens is told why.
    this.#dispatcher.bus?.link.opened.catch(() => this.close({ drain: 0 }));
    this.events = { [Symbol.asyncIterator]: () => this.#dispatcher.events.subscribe() };
  }

  /** Whether it accepts connections: `open`, `draining` from the first moment of closing on, `closed`. */
  get state(): MobState {
    return this.#state;
  }

  /** Connections now, as in `stats()`, which walks all of them: this costs nothing. */
  get connectionCount(): number {
    return this.#dispatcher.connectionCount;
  }

  /** Why the bus cannot be reached now; `undefined`: it can, or there is none. */
  get whyBusAway(): string | undefined {
    return this.#dispatcher.bus?.link.whyAway;
  }

  /** The URLs of the open listeners, in the order in which they were opened. */
  get urls(): readonly string[] {
    return this.#listeners.map(({ url }) => url);
  }

  /** The open listeners, in the order in which they were opened, with the addresses that their names stand for. */
  get listeners(): readonly ListenerInfo[] {
    return this.#listeners.map(({ url, addresses }) => ({ url, addresses }));
  }

  /**
   * Opens a listener and returns its URL, in which a port of 0 has become a real one. A host name is opened at every
   * address that it has. Rejects with a `TypeError` when an option or the URL is wrong, with an `Error` when the
   * certificates do not fit or the secret would cross the network in the clear, and with the system's error, with its
   * `code` and the URL, when the listener cannot be opened.
   *
   * Listeners may differ in framing: all their clients are in one mob, in one order. A feed leaves out a payload that its
   * framing cannot carry, such as a newline in a `line`, and counts it as skipped.
   *
   * @example
   * ```ts
   * import { serve } from "mobcast";
   *
   * await using mob = await serve({ listen: "tcp://127.0.0.1:0" });
   * console.log(await mob.listen("tcp://127.0.0.1:0?framing=line", { allow: ["127.0.0.1"] }));
   * ```
   */
  async listen(url: string | URL, options?: ListenerOptions): Promise<string> {
    const text = urlText("Cannot listen on", url);
    const plan = planListener(text, options, this.options, this.#transportOptions);
    const { address, webSocket, rules, tls, query } = plan;
    const checkOpen = (): void => this.#checkOpen(`Cannot listen on ${url}`);
    await this.#dispatcher.bus?.link.opened;
    checkOpen();
    const failed = (cause: unknown): never => {
      // With the port, which the URL need not name.
      throw describe(`Cannot listen on ${address.transport === "unix" ? url : formatAddress(address)}`, cause);
    };
    const certificates = address.transport === "tls"
      ? await this.#sources().then((sources) => sources.get(tls)).catch(failed)
      : undefined;
    const { steps, handshaker, checkExposure, protocol } = await loadParts(plan, this.#dispatcher);
    // The mob may have closed while the certificates were being read.
    checkOpen();
    checkExposure?.(address, rules, certificates, webSocket);
    if (handshaker) this.#dispatcher.takeHandshakes(handshaker);
    const registryFor = (each: Listener) => this.#dispatcher.arrivals.registryFor(each);
    const listener = new Listener(address, query, rules, registryFor, protocol, steps);
    const listenOptions = address.transport === "unix" ? { unixMode: plan.unixMode } : { tls: certificates };
    await this.#whileOpening(listener, this.adapter.listen(address, listener.registry, listenOptions)).catch(failed);
    checkOpen();
    if (tls && listener.reloads) this.#certificates?.add(listener, tls);
    return listener.url;
  }

  /**
   * Opens the status listener, of which a mob has one: metrics, health, and a page that shows the mob, over HTTP. Returns its
   * URL. It stays open while a closing mob drains, and is closed when the last connection is gone. Rejects as `listen` does.
   *
   * @example
   * ```ts
   * import { serve } from "mobcast";
   *
   * await using mob = await serve({ listen: "tcp://127.0.0.1:0" });
   * const url = await mob.serveStatus("http://127.0.0.1:0");
   * console.log((await fetch(`${url}readyz`)).status); // 200
   * ```
   */
  async serveStatus(status: StatusOption): Promise<string> {
    const { StatusListener } = await import("./status_listener.ts");
    this.#status ??= new StatusListener(this, this.#transportOptions);
    return await this.#status.open(status, () => this.#sources());
  }

  /** The URL of the status listener; `undefined` while there is none. */
  get statusUrl(): string | undefined {
    return this.#status?.url;
  }

  /**
   * Gets the certificates again: TLS listeners show them to new connections from now on, and open connections stay.
   * Rejects when they do not fit; the listeners then keep the old ones.
   *
   * @example
   * ```ts ignore
   * import { readFile } from "node:fs/promises";
   * import { serve } from "mobcast";
   *
   * const read = (path: string) => readFile(path, "utf8");
   * const tls = async () => ({ cert: await read("cert.pem"), key: await read("key.pem") });
   * await using mob = await serve({ listen: "tls://0.0.0.0:8443", tls });
   * process.on("SIGHUP", () => void mob.reload().catch(console.error));
   * ```
   */
  async reload(): Promise<void> {
    await this.#certificates?.reload();
  }

  /**
   * Joins the application itself: a client without a network socket, with the same interface as that of `connect()`
   * and the same limits. It has to read, or to say `receive: false`; to send only, {@link publish} is enough. Throws a
   * `TypeError` or a `RangeError` when an option is wrong, and an `Error` when the mob is full or closed.
   *
   * @example
   * ```ts
   * import { serve } from "mobcast";
   *
   * await using mob = await serve({ listen: "tcp://127.0.0.1:0" });
   * const client = mob.join();
   * await client.send("hello, everybody");
   * for await (const text of client.text()) {
   *   console.log(text);
   *   break;
   * }
   * ```
   */
  join(options?: JoinOptions): Client {
    const { framing, maxFrame } = this.options;
    const given = checkOptions("mob.join()", options, joinChecks());
    const client = new SocketClient(this.adapter, "the mob", { maxFrame, ...given, framing });
    const [inside, outside] = socketPair("inside", "the mob");
    const token = this.#dispatcher.arrivals.join(inside);
    if (typeof token === "string") throw new Error(`Cannot join: ${token}`);
    inside.attach(this.#dispatcher.arrivals.localRegistry, token);
    outside.attach(client.registry, client.registry.accept(outside)!);
    return client;
  }

  /**
   * Publishes a message of the application: text, as UTF-8, or bytes. Every connection receives it, in the one order, and
   * the application need not read anything. It never waits. Returns whether it is published already: `false` when more
   * than a tick may carry was published at once, or while `block` holds the mob back. The message then waits for its turn,
   * and is a reason to pause: `stats().bufferedAmount` is what waits, in bytes. An empty message is a ping, which nobody
   * receives.
   *
   * Throws a `RangeError` when the payload is over `maxFrame`, a `TypeError` when it is neither text nor bytes or the
   * mob's framing cannot carry it, and an `Error` when the mob is closed.
   *
   * @example
   * ```ts
   * import { connect, serve } from "mobcast";
   *
   * await using mob = await serve({ listen: "tcp://127.0.0.1:0", onJoin: () => mob.publish("welcome") });
   * await using client = await connect(mob.urls[0]!);
   * for await (const text of client.text()) {
   *   console.log(text); // welcome
   *   break;
   * }
   * ```
   */
  publish(payload: Payload): boolean {
    const { framing, maxFrame } = this.options;
    const bytes = payloadOf("Cannot publish", payload, FRAMINGS[framing], maxFrame);
    this.#checkOpen("Cannot publish");
    return bytes.length === 0 || this.#dispatcher.publish(frameOf(FRAMINGS[framing], bytes));
  }

  /**
   * Ends a connection now: what is pending for it is dropped. Returns whether there was such a connection. It counts as
   * `disconnected`, or as `refused` when it has not joined; `detail`, up to 200 characters, is for `onLeave` and the log.
   * The first call decides on the text: a WebSocket client whose socket takes bytes gets a close frame and a moment to
   * hang up, and a second call only ends that moment.
   *
   * Throws a `TypeError` when the token is no number or `detail` no string, and a `RangeError` when that is longer.
   *
   * @example
   * ```ts
   * import { serve } from "mobcast";
   *
   * await using mob = await serve({ listen: "tcp://127.0.0.1:0" });
   * for (const { token, lag } of mob.connections()) if (lag.bytes > 65536) mob.disconnect(token, "too slow");
   * ```
   */
  disconnect(token: Token, detail?: string): boolean {
    if (typeof token !== "number") {
      refuse("token", token, "it is the token of a connection, such as connections()[0].token");
    }
    if (detail !== undefined) isDetail("detail", detail);
    return this.#dispatcher.disconnect(token, detail);
  }

  /** Everything the mob counts. */
  stats(): MobStats {
    return this.#dispatcher.stats(this.#listeners);
  }

  /**
   * The connections that have joined: all, the furthest behind first, or as the query says. A few of many cost little.
   * Throws a `TypeError` or a `RangeError` when the query is wrong.
   *
   * @example
   * ```ts
   * import { serve } from "mobcast";
   *
   * await using mob = await serve({ listen: "tcp://127.0.0.1:0" });
   * console.log(mob.connections({ sort: "delivered", limit: 20 }));
   * ```
   */
  connections(query?: ConnectionQuery): ConnectionStats[] {
    return this.#dispatcher.connections(checkOptions("mob.connections()", query, QUERY_CHECKS));
  }

  /**
   * Ends the mob: accepts no connection, publishes the whole frames already read, gives each connection up to `drain`
   * milliseconds to receive what is pending, half-closes it, then drops it. Resolves when the last connection is gone.
   * Calling it again starts the time anew; with 0 all connections are dropped at once. Rejects with a `TypeError` or a
   * `RangeError`, and closes nothing, when an option is wrong.
   */
  async close(options?: CloseOptions): Promise<void> {
    const { drain = this.options.drainTimeout } = checkOptions("mob.close()", options, CLOSE_CHECKS);
    if (this.#ended) return;
    this.#cancelDrain?.();
    if (!this.#dispatcher.closing) {
      this.#state = "draining";
      this.#certificates?.clear();
      const listenersClosed = Promise.allSettled([
        ...this.#listeners.splice(0).map((listener) => listener.close()),
        ...this.#opening,
      ]);
      this.#dispatcher.drain("the mob is closed", () => {
        this.#ended = true;
        this.#cancelDrain?.();
        void listenersClosed.then(async () => {
          await this.#status?.close();
          await this.#dispatcher.bus?.link.close();
          // All at once: what is refused from now on is no event.
          this.#state = "closed";
          this.#dispatcher.events.end();
          this.#resolveClosed();
        });
      });
    }
    if (drain > 0) this.#cancelDrain = new AwakeClock(this.adapter).after(drain, () => this.#dispatcher.drop());
    else this.#dispatcher.drop();
    await this.closed;
  }

  /** The same as {@link close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #sources(): Promise<CertificateSources> {
    const { CertificateSources } = await import("./certificates.ts");
    return this.#certificates ??= new CertificateSources();
  }

  #checkOpen(cannot: string): void {
    const { closing } = this.#dispatcher;
    if (closing) throw new Error(`${cannot}: ${closing}`);
  }

  /** Waits for a listener to open. A mob that closes meanwhile waits for it too, and closes it again. */
  async #whileOpening(listener: Listener, opening: Promise<ListeningSocket>): Promise<void> {
    const settled = opening.then(async (socket) => {
      listener.opened(socket);
      if (!this.#dispatcher.closing) this.#listeners.push(listener);
      else await listener.close();
    });
    this.#opening.add(settled);
    try {
      await settled;
    } finally {
      this.#opening.delete(settled);
    }
  }
}
