/**
 * SHA-1 (RFC 3174), which the WebSocket handshake asks for. The one of the platform, `crypto.subtle`, is asynchronous, and
 * `node:crypto` belongs to a runtime. It keeps nothing secret here.
 *
 * @module
 */

/** The SHA-1 of bytes, as base64. */
export function sha1Base64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...sha1(bytes)));
}

function sha1(bytes: Uint8Array): Uint8Array {
  // The bytes, a bit that is set, zeros up to a whole block of 64 bytes, and the number of bits in the last eight of it.
  const padded = new Uint8Array((bytes.length + 8 & ~63) + 64);
  padded.set(bytes);
  padded[bytes.length] = 0x80;
  const view = new DataView(padded.buffer);
  view.setUint32(padded.length - 8, bytes.length / 2 ** 29);
  view.setUint32(padded.length - 4, bytes.length * 8);
  const hash = new Int32Array([0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0]);
  const words = new Int32Array(80);
  for (let at = 0; at < padded.length; at += 64) {
    for (let index = 0; index < 16; index++) words[index] = view.getInt32(at + 4 * index);
    for (let index = 16; index < 80; index++) {
      words[index] = rotate(words[index - 3]! ^ words[index - 8]! ^ words[index - 14]! ^ words[index - 16]!, 1);
    }
    mix(hash, words);
  }
  const digest = new DataView(new ArrayBuffer(20));
  hash.forEach((word, index) => digest.setInt32(4 * index, word));
  return new Uint8Array(digest.buffer);
}

/** Takes one block, spread over 80 words, into the hash. */
function mix(hash: Int32Array, words: Int32Array): void {
  let [a, b, c, d, e] = hash as unknown as [number, number, number, number, number];
  for (let index = 0; index < 80; index++) {
    const next = (rotate(a, 5) + chosen(index, b, c, d) + e + words[index]!) | 0;
    [e, d, c, b, a] = [d, c, rotate(b, 30), a, next];
  }
  [a, b, c, d, e].forEach((word, index) => hash[index]! += word);
}

/** The function and the constant of a round. */
function chosen(index: number, b: number, c: number, d: number): number {
  if (index < 20) return ((b & c) | (~b & d)) + 0x5a827999;
  if (index < 40) return (b ^ c ^ d) + 0x6ed9eba1;
  if (index < 60) return ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdc;
  return (b ^ c ^ d) + 0xca62c1d6;
}

function rotate(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}
