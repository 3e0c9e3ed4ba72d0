/** A client that is none of ours: a plain socket, bytes out and bytes in. */

import { connect, type Socket } from "node:net";
import { clearTimeout, setTimeout } from "node:timers";
import { type Address, formatAddress, type NetworkAddress } from "../../src/contract/address.ts";
import { parseUrl } from "../../src/framing/url.ts";
import { concat } from "./bytes.ts";

/** The address of a listener over plain TCP. Throws when it is another. */
export function overTcp(address: Address): NetworkAddress {
  if (address.transport === "tcp") return address;
  throw new Error(`Cannot open ${formatAddress(address)}: only tcp: is supported here`);
}

/** Nothing here takes longer on a busy machine, unless it hangs. */
const PATIENCE = 20_000;

/** A plain socket, and everything it was sent. */
export class PlainClient implements Disposable {
  readonly #socket: Socket;
  readonly #chunks: Uint8Array[] = [];
  #received = 0;
  #over = false;
  #look: (() => void)[] = [];

  /** Use {@link PlainClient.connect}. */
  constructor(socket: Socket) {
    this.#socket = socket.setNoDelay(true);
    const wake = (): void => this.#look.splice(0).forEach((look) => look());
    const end = (): void => {
      this.#over = true;
      wake();
    };
    socket.on("error", end).on("close", end).on("end", end).on("data", (chunk: Uint8Array) => {
      this.#chunks.push(new Uint8Array(chunk));
      this.#received += chunk.length;
      wake();
    });
  }

  /** Connects to a URL. */
  static connect(url: string): Promise<PlainClient> {
    const { host, port } = overTcp(parseUrl(url).address);
    return new Promise((resolve, reject) => {
      const socket = connect({ host, port });
      socket.once("error", reject);
      socket.once("connect", () => {
        socket.off("error", reject);
        resolve(new PlainClient(socket));
      });
    });
  }

  /** Everything received so far. */
  get received(): Uint8Array {
    return concat(...this.#chunks);
  }

  /** Sends bytes. */
  send(bytes: Uint8Array): void {
    this.#socket.write(bytes);
  }

  /** Waits until so many bytes were received in all, and returns everything received. */
  async receive(length: number): Promise<Uint8Array> {
    await this.#until(() => this.#received >= length);
    if (this.#received < length) throw new Error(`received ${this.#received} of ${length} bytes, then the end`);
    return this.received;
  }

  /** Waits until the other end has ended the connection. */
  async ended(): Promise<void> {
    await this.#until(() => this.#over);
  }

  /** Reads nothing from now on. */
  pause(): void {
    this.#socket.pause();
  }

  /** Reads on. */
  resume(): void {
    this.#socket.resume();
  }

  /** Drops the connection. */
  close(): void {
    this.#socket.destroy();
  }

  /** The same as {@link close}. */
  [Symbol.dispose](): void {
    this.close();
  }

  async #until(done: () => boolean): Promise<void> {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      this.#look.splice(0).forEach((look) => look());
    }, PATIENCE);
    while (!done() && !this.#over) {
      if (late) throw new Error(`received ${this.#received} bytes, then nothing for ${PATIENCE} ms`);
      await new Promise<void>((resolve) => this.#look.push(resolve));
    }
    clearTimeout(timer);
  }
}
