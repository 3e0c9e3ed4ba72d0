/**
 * The part of the `WebSocket` global that is used: its own types come with the DOM's, which programs on servers lack.
 *
 * @module
 */

/** What an event tells, as far as a runtime tells it. */
export interface SocketErrorEvent {
  readonly message?: string;
  readonly error?: unknown;
}

/** A WebSocket, as the WHATWG has it. */
export interface WebSocketLike {
  binaryType: string;
  readonly protocol: string;
  readonly readyState: number;
  readonly bufferedAmount: number;
  onopen: (() => void) | null;
  onmessage: ((event: { readonly data: unknown }) => void) | null;
  onerror: ((event: SocketErrorEvent) => void) | null;
  onclose: ((event: { readonly code: number; readonly reason: string; readonly wasClean: boolean }) => void) | null;
  send(bytes: Uint8Array): void;
  close(code?: number): void;
  /** Ends it at once; some runtimes have that. */
  terminate?(): void;
}

/** The global. */
export type WebSocketClass = new (url: string, protocols: string[]) => WebSocketLike;
