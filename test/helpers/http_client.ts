/**
 * HTTP as bytes: what a client sends may be no HTTP, and it sees when its connection ends.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { connect, type NetConnectOpts, type Socket as NetSocket } from "node:net";
import { Bell } from "./wait.ts";

/** A client that shows what came, as text. */
export class HttpClient implements Disposable {
  /** Its connection. */
  readonly socket: NetSocket;
  /** What came. */
  text = "";
  /** Whether the connection is over. */
  closed = false;

  readonly #bell: Bell = new Bell();

  /** A client on a socket that is connected, or connects. */
  constructor(socket: NetSocket) {
    this.socket = socket;
    socket.on("error", () => {});
    socket.on("close", () => {
      this.closed = true;
      this.#bell.ring();
    });
    socket.on("data", (chunk: Uint8Array) => {
      this.text += Buffer.from(chunk).toString("latin1");
      this.#bell.ring();
    });
  }

  /** Connects to a port of this machine, or to a path. */
  static connect(where: NetConnectOpts): HttpClient {
    return new HttpClient(connect(where));
  }

  /** Reads nothing from now on. */
  stopReading(): void {
    this.socket.pause();
  }

  /** Sends text, a request usually. */
  send(text: string): this {
    this.socket.write(text);
    return this;
  }

  /** Waits until this has come, so many times, or the connection is over; resolves to all that came. */
  async got(what: string, times = 1): Promise<string> {
    const count = (): number => this.text.split(what).length - 1;
    await this.#bell.until(() => count() >= times || this.closed, () => `${what} in ${JSON.stringify(this.text)}`);
    return this.text;
  }

  /** Waits until the connection is over; resolves to all that came. */
  async over(): Promise<string> {
    await this.#bell.until(() => this.closed, () => `the end, has ${JSON.stringify(this.text)}`);
    return this.text;
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }
}

/** The text of a request without a body. */
export function get(path: string, ...headers: readonly string[]): string {
  return `GET ${path} HTTP/1.1\r\n${["Host: localhost", ...headers].join("\r\n")}\r\n\r\n`;
}
