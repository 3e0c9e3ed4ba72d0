/**
 * A `WebSocket` global that a test drives by hand.
 *
 * @module
 */

import type { SocketErrorEvent, WebSocketLike } from "../../adapters/types/websocket.ts";

/** A WebSocket that does what the test says. */
export class FakeWebSocket implements WebSocketLike {
  /** All that were made. */
  static made: FakeWebSocket[] = [];
  /** What the constructor throws; `undefined`: nothing. */
  static refuses: Error | undefined;

  readonly url: string;
  readonly protocols: readonly string[];
  binaryType = "blob";
  protocol = "";
  readyState = 0;
  /** Bytes that wait to be sent. */
  waiting = 0;
  /** The messages that were sent, as they were when they were sent. */
  readonly sent: Uint8Array[] = [];
  /** The codes that `close` was called with. */
  readonly closes: (number | undefined)[] = [];
  /** How often `bufferedAmount` was looked at. */
  looks = 0;
  onopen: (() => void) | null = null;
  onmessage: ((event: { readonly data: unknown }) => void) | null = null;
  onerror: ((event: SocketErrorEvent) => void) | null = null;
  onclose: ((event: { readonly code: number; readonly reason: string; readonly wasClean: boolean }) => void) | null =
    null;

  constructor(url: string, protocols: string[]) {
    if (FakeWebSocket.refuses) throw FakeWebSocket.refuses;
    this.url = url;
    this.protocols = protocols;
    FakeWebSocket.made.push(this);
  }

  get bufferedAmount(): number {
    this.looks++;
    return this.waiting;
  }

  /** It is open, with a subprotocol. */
  opens(protocol: string = "mobcast.u64"): this {
    this.protocol = protocol;
    this.readyState = 1;
    this.onopen?.();
    return this;
  }

  /** It receives a message: bytes, or text. */
  receives(message: Uint8Array | string): void {
    this.onmessage?.({ data: typeof message === "string" ? message : message.slice().buffer });
  }

  /** It is over. */
  ends(code: number, reason: string = "", wasClean: boolean = code !== 1006): void {
    this.readyState = 3;
    if (!wasClean) this.onerror?.({});
    this.onclose?.({ code, reason, wasClean });
  }

  send(bytes: Uint8Array): void {
    this.sent.push(bytes.slice());
    this.waiting += bytes.length;
  }

  close(code?: number): void {
    this.closes.push(code);
    if (this.readyState < 2) this.readyState = 2;
  }
}

/** Runs with the fake in place of the runtime's own, or with none. */
export async function withWebSocket(
  run: (made: () => FakeWebSocket) => Promise<void>,
  fake: typeof FakeWebSocket | null = FakeWebSocket,
): Promise<void> {
  const before = Object.getOwnPropertyDescriptor(globalThis, "WebSocket");
  FakeWebSocket.made = [];
  Object.defineProperty(globalThis, "WebSocket", { value: fake ?? undefined, configurable: true, writable: true });
  try {
    await run(() => FakeWebSocket.made.at(-1)!);
  } finally {
    if (before) Object.defineProperty(globalThis, "WebSocket", before);
    else delete (globalThis as { WebSocket?: unknown }).WebSocket;
  }
}
