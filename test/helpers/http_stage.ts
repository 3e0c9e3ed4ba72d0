/**
 * An HTTP server of the runtime at hand, and clients of it.
 *
 * @module
 */

import { test } from "node:test";
import { connect as netConnect, type NetConnectOpts } from "node:net";
import { connect as tlsConnect, type ConnectionOptions } from "node:tls";
import { assertLess } from "@std/assert";
import { type HttpLimits, listenHttp } from "../../adapters/http/http_server.ts";
import type { ListeningSocket } from "../../src/contract/adapter.ts";
import type { Address, NetworkAddress } from "../../src/contract/address.ts";
import type { HttpHandler, HttpListenOptions } from "../../src/contract/http.ts";
import { get, HttpClient } from "./http_client.ts";
import { pausing } from "./transports.ts";
import { Bell, pause } from "./wait.ts";

/** Where a new listener is opened. */
export const TCP: Address = { transport: "tcp", host: "127.0.0.1", port: 0 };

/** One case. */
export function case_(fact: string, run: () => Promise<void>): void {
  test(`http: ${fact}`, { timeout: 30_000 }, run);
}

/** An open listener and the clients that a test makes. */
export class Stage implements AsyncDisposable {
  readonly listener: ListeningSocket;
  readonly #clients: HttpClient[] = [];

  constructor(listener: ListeningSocket) {
    this.listener = listener;
  }

  /** Opens a listener. */
  static async open(
    handler: HttpHandler = () => new Response("hello"),
    limits: Partial<HttpLimits> = {},
    options: Partial<HttpListenOptions> = {},
    address: Address = TCP,
  ): Promise<Stage> {
    return new Stage(await listenHttp(address, { handler, allows: () => true, ...options }, limits));
  }

  get port(): number {
    return (this.listener.address as NetworkAddress).port;
  }

  /** A client that connects. */
  client(where: NetConnectOpts = { host: "127.0.0.1", port: this.port }): HttpClient {
    const client = HttpClient.connect(where);
    this.#clients.push(client);
    return client;
  }

  /** A client over TLS. */
  secure(options: ConnectionOptions): HttpClient {
    const below = netConnect({ host: "127.0.0.1", port: this.port });
    const client = new HttpClient(pausing(tlsConnect({ socket: below, servername: "localhost", ...options }), below));
    this.#clients.push(client);
    return client;
  }

  /** Waits until a client is served: connections that are over may still be counted. */
  async served(): Promise<void> {
    const began = performance.now();
    while (!(await this.client().send(get("/")).got("hello")).includes("hello")) {
      assertLess(performance.now() - began, 5000, "ms until there is room");
      await pause(20);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients) client[Symbol.dispose]();
    await this.listener.close();
  }
}

/** A body without end, which counts what was taken of it. */
export class Endless {
  /** Bytes that were taken of it. */
  taken = 0;
  /** Whether it was canceled. */
  canceled = false;
  readonly #bell: Bell = new Bell();

  /** The handler that answers with it. */
  readonly handler: HttpHandler = () =>
    new Response(
      new ReadableStream<Uint8Array>({
        pull: (controller) => {
          controller.enqueue(new Uint8Array(64 * 1024).fill(46));
          this.taken += 64 * 1024;
        },
        cancel: () => {
          this.canceled = true;
          this.#bell.ring();
        },
      }),
    );

  /** Waits until it is canceled. */
  over(): Promise<void> {
    return this.#bell.until(() => this.canceled, "the end of the body");
  }
}

/** A body of events: one at once, and no more until it is canceled. */
export function events(canceled: () => void): Response {
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(new TextEncoder().encode("data: 1\n\n")),
    cancel: canceled,
  });
  return new Response(body, { headers: { "content-type": "text/event-stream" } });
}
