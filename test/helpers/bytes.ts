/** Bytes for tests. */

import { encodeFrame, type FramingName, FRAMINGS } from "../../src/framing/framing.ts";

/** The bytes of a text. */
export function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** The text of bytes. */
export function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

/** The frame of a text on the wire. */
export function frameOf(text: string, framing: FramingName = "u64"): Uint8Array {
  return encodeFrame(framing, bytesOf(text));
}

/** Chunks as one. */
export function concat(...chunks: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(chunks.reduce((length, chunk) => length + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}

/** The payloads, as texts, of whole frames back to back. Throws when the last one is torn. */
export function textsOf(bytes: Uint8Array, framing: FramingName = "u64"): string[] {
  const { header, trailer, end } = FRAMINGS[framing];
  const texts: string[] = [];
  for (let at = 0; at < bytes.length;) {
    const next = end(bytes, at, bytes.length, bytes.length);
    if (next < 0 || next > bytes.length) throw new Error(`a torn frame at byte ${at} of ${bytes.length}`);
    texts.push(textOf(bytes.subarray(at + header, next - trailer)));
    at = next;
  }
  return texts;
}
