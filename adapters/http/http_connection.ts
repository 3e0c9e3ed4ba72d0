/**
 * One connection of an HTTP server: its requests, one after the other, and its deadlines.
 *
 * @module
 */

import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket as NetSocket } from "node:net";
import type { HttpHandler } from "../../src/contract/http.ts";
import { AwakeClock } from "../../src/reactor/awake_clock.ts";
import { eventLoop } from "../shared/event_loop.ts";
import { onDeno } from "../shared/which.ts";
import { canReset } from "../shared/node_socket.ts";
import { handleOf, resetTls } from "../tls/tls.ts";
import { readRequest, refusalText, writeRefusal } from "./http_request.ts";

/** How long a client may take, in milliseconds. */
export interface HttpTimes {
  /** For the head of the first request. */
  readonly headTimeout: number;
  /** For the next request after a response. */
  readonly keepAlive: number;
  /** For taking any byte of a response. */
  readonly stallTimeout: number;
}

/** The most requests that wait while one before them is answered. */
const PIPELINED = 8;

/** How many bytes of a response are written at a time: one of these has to get through within the stall timeout. */
const STEP = 64 * 1024;

/** How long the client of a malformed request may take to read why it is none, in milliseconds. */
const LAST_WORDS = 1000;

/** One clock for the deadlines of all connections. */
const clock = new AwakeClock(eventLoop);

/** A connection from its first byte to its end. */
export class HttpConnection {
  /** Resolves when the connection is gone. */
  readonly over: Promise<void>;

  readonly #raw: NetSocket;
  readonly #local: boolean;
  readonly #handler: HttpHandler;
  readonly #times: HttpTimes;
  #socket: NetSocket;
  #resolveOver: () => void = () => {};
  #cancelDeadline: () => void = () => {};
  /** Requests that are not answered. */
  #unanswered = 0;
  /** The response to the last request. */
  #turn: Promise<void> = Promise.resolve();
  /** What ends the body that is being sent, and the wait for the client to take some of it. */
  #interrupt: () => void = () => {};
  #stopWaiting: () => void = () => {};
  #malformed = false;
  #leaving = false;
  #gone = false;

  /** A connection that has not begun: over TLS its handshake comes first. `local`: it is one of a Unix socket. */
  constructor(raw: NetSocket, local: boolean, handler: HttpHandler, times: HttpTimes) {
    this.#raw = this.#socket = raw;
    this.#local = local;
    this.#handler = handler;
    this.#times = times;
    this.over = new Promise((resolve) => this.#resolveOver = resolve);
  }

  /** Requests can come, through this socket. */
  begin(socket: NetSocket): void {
    this.#socket = socket;
    if (this.#leaving) return this.drop();
    this.#deadline(this.#times.headTimeout);
    if (!onDeno || socket === this.#raw) return;
    const { stop, go } = handleOf(this.#raw);
    socket.on("pause", stop).on("resume", go);
  }

  /** A request has come. Those that come before its response wait for their turns. */
  request(request: IncomingMessage, response: ServerResponse): void {
    this.#cancelDeadline();
    if (++this.#unanswered > PIPELINED) return this.drop();
    this.#turn = this.#turn.then(() => this.#answer(request, response)).catch(() => this.drop());
  }

  /** What has come is no request, or its head is too large. */
  malformed(error: Error & { readonly code?: string }): void {
    const { code = "" } = error;
    if (this.#malformed || this.#unanswered > 0 || !this.#socket.writable || !code.startsWith("HPE_")) {
      return this.drop();
    }
    this.#malformed = true;
    this.#socket.end(refusalText(code === "HPE_HEADER_OVERFLOW" ? "head" : "malformed"));
    this.#deadline(LAST_WORDS);
  }

  /** Ends the connection when the response under way is sent; what is still to come of its body is left out. */
  leave(): void {
    this.#leaving = true;
    this.#interrupt();
    if (this.#unanswered === 0) this.#end();
  }

  /** Ends the connection now. A reset frees what the kernel holds for a client that does not read. */
  drop(): void {
    if (this.#gone) return;
    if (this.#local || !canReset(this.#socket)) this.#socket.destroy();
    else if (this.#socket !== this.#raw) resetTls(this.#socket, this.#raw);
    else this.#raw.resetAndDestroy();
  }

  /** The connection is gone. */
  gone(): void {
    this.#gone = true;
    this.#cancelDeadline();
    this.#interrupt();
    this.#stopWaiting();
    this.#resolveOver();
  }

  /** Ends a connection for which nothing is pending: what the client has not read yet stays. */
  #end(): void {
    this.#socket.destroySoon();
    this.#deadline(LAST_WORDS);
  }

  #deadline(milliseconds: number): void {
    this.#cancelDeadline();
    this.#cancelDeadline = clock.after(milliseconds, () => this.drop());
  }

  async #answer(message: IncomingMessage, response: ServerResponse): Promise<void> {
    if (this.#gone) return;
    const request = readRequest(message, this.#socket !== this.#raw);
    if (typeof request === "string") writeRefusal(response, request);
    else await this.#respond(request, response);
    if (!response.writableFinished) await this.#next(response, "finish");
    if (this.#gone || --this.#unanswered > 0) return;
    if (this.#leaving) this.#end();
    else this.#deadline(this.#times.keepAlive);
  }

  async #respond(request: Request, response: ServerResponse): Promise<void> {
    let answer: Response;
    try {
      answer = await this.#handler(request);
    } catch {
      return writeRefusal(response, "failed");
    }
    const { body, status, statusText, headers } = answer;
    if (!this.#gone) response.writeHead(status, statusText || undefined, Object.fromEntries(headers));
    if (body && (this.#gone || request.method === "HEAD")) await body.cancel();
    else if (body) await this.#send(body, response);
    response.end();
  }

  /** Sends a body. While the socket is full, nothing is read from it. */
  async #send(body: ReadableStream<Uint8Array>, response: ServerResponse): Promise<void> {
    const reader = body.getReader();
    const cancel = (): void => void reader.cancel().catch(() => {});
    this.#interrupt = cancel;
    // An event stream has begun before its first event.
    response.flushHeaders();
    if (this.#leaving) cancel();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      for (let from = 0; from < value.length && !this.#gone; from += STEP) {
        const part = value.subarray(from, from + STEP);
        if (!response.write(part)) await this.#next(response, "drain");
      }
    }
    this.#interrupt = () => {};
  }

  /** Waits until the client has taken what was written, or is gone. A client that takes nothing is dropped. */
  #next(response: ServerResponse, event: "drain" | "finish"): Promise<void> {
    return new Promise((resolve) => {
      if (this.#gone) return resolve();
      const cancel = clock.after(this.#times.stallTimeout, () => this.drop());
      const done = (): void => {
        cancel();
        this.#stopWaiting = () => {};
        resolve();
      };
      response.once(event, done);
      this.#stopWaiting = done;
    });
  }
}
