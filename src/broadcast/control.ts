/**
 * Control frames: what a protocol sends between the frames of a stream.
 *
 * @module
 */

/** The most that wait for one connection: ten pongs of the largest size are 1,270 bytes. */
const MOST = 10;

/** What has control frames to send. */
export interface ControlQueue {
  /** Control frames that wait, the first one perhaps half sent; `undefined`: none. */
  control: Uint8Array[] | undefined;
}

/**
 * Adds a control frame. When many wait, which only happens while a socket takes nothing, the latest is enough
 * (RFC 6455, 5.5.3).
 */
export function queueControl(queue: ControlQueue, frame: Uint8Array): void {
  const control = queue.control ??= [];
  // The first one may be half sent.
  if (control.length >= MOST) control.splice(1);
  control.push(frame);
}

/** Sends what waits, until the socket is full: `write` returns how many bytes it took. Returns whether nothing waits. */
export function sendControl(queue: ControlQueue, write: (bytes: Uint8Array) => number): boolean {
  const control = queue.control ?? [];
  for (; control.length > 0; control.shift()) {
    const rest = restOf(control[0]!, write(control[0]!));
    if (!rest) continue;
    control[0] = rest;
    return false;
  }
  queue.control = undefined;
  return true;
}

/** What is left of bytes of which so many were taken; `undefined`: nothing. */
export function restOf(bytes: Uint8Array, taken: number): Uint8Array | undefined {
  return taken === bytes.length ? undefined : bytes.subarray(taken);
}
