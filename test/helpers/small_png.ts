/**
 * Makes pictures of pages small: a PNG with a palette of 256 colors has a third of the bytes, and looks the same.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { deflateSync, inflateSync } from "node:zlib";

/** The most colors of a palette. */
const COLORS = 256;

/** The bytes before the first chunk of a PNG. */
const SIGNATURE = 8;

/** A PNG of 8 bits a channel without interlacing, as Chromium writes it, with a palette. */
export function smallPng(png: Buffer): Buffer {
  const [width, height, channels] = [png.readUInt32BE(16), png.readUInt32BE(20), png[25] === 6 ? 4 : 3];
  const pixels = colorsOf(unfiltered(inflateSync(dataOf(png)), width * channels, height, channels), channels);
  const counts = new Map<number, number>();
  for (const color of pixels) counts.set(color, (counts.get(color) ?? 0) + 1);
  const palette = paletteOf(counts);
  const indexes = new Map(Array.from(counts.keys(), (color) => [color, nearest(palette, color)]));
  // Each row begins with its filter: none.
  const rows = Buffer.alloc((width + 1) * height);
  pixels.forEach((color, at) => rows[Math.floor(at / width) * (width + 1) + 1 + at % width] = indexes.get(color)!);
  const header = Buffer.from(png.subarray(16, 29));
  header[9] = 3;
  return Buffer.concat([
    png.subarray(0, SIGNATURE),
    chunk("IHDR", header),
    chunk("PLTE", Buffer.from(palette.flatMap((color) => [color >> 16, color >> 8 & 255, color & 255]))),
    chunk("IDAT", deflateSync(rows, { level: 9 })),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

/** The compressed rows. */
function dataOf(png: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let at = SIGNATURE; at < png.length;) {
    const length = png.readUInt32BE(at);
    if (png.toString("latin1", at + 4, at + 8) === "IDAT") parts.push(png.subarray(at + 8, at + 8 + length));
    at += length + 12;
  }
  return Buffer.concat(parts);
}

/** The bytes of all pixels, without the filters of https://www.w3.org/TR/png-3/#9Filters. */
function unfiltered(rows: Buffer, stride: number, height: number, channels: number): Buffer {
  const bytes = Buffer.alloc(stride * height);
  for (let row = 0; row < height; row++) {
    const filter = rows[row * (stride + 1)]!;
    for (let column = 0; column < stride; column++) {
      const at = row * stride + column;
      const left = column < channels ? 0 : bytes[at - channels]!;
      const up = row === 0 ? 0 : bytes[at - stride]!;
      const corner = row === 0 || column < channels ? 0 : bytes[at - stride - channels]!;
      const guess = [0, left, up, (left + up) >> 1, paeth(left, up, corner)][filter]!;
      bytes[at] = rows[row * (stride + 1) + 1 + column]! + guess;
    }
  }
  return bytes;
}

function paeth(left: number, up: number, corner: number): number {
  const [byLeft, byUp, byCorner] = [Math.abs(up - corner), Math.abs(left - corner), Math.abs(left + up - 2 * corner)];
  return byLeft <= byUp && byLeft <= byCorner ? left : byUp <= byCorner ? up : corner;
}

/** Each pixel as a number. */
function colorsOf(bytes: Buffer, channels: number): number[] {
  const pixel = (at: number): number => bytes[at]! << 16 | bytes[at + 1]! << 8 | bytes[at + 2]!;
  return Array.from({ length: bytes.length / channels }, (_, index) => pixel(index * channels));
}

/** Of colors that are alike the most frequent, so that a rare color that is like no other has its place. */
function paletteOf(counts: ReadonlyMap<number, number>): number[] {
  const groups = new Map<number, [color: number, count: number, sum: number]>();
  for (const [color, count] of counts) {
    const [best = color, most = 0, sum = 0] = groups.get(color & 0xf0f0f0) ?? [];
    groups.set(color & 0xf0f0f0, count > most ? [color, count, sum + count] : [best, most, sum + count]);
  }
  return [...groups.values()].sort(([, , one], [, , other]) => other - one).slice(0, COLORS).map(([color]) => color);
}

function nearest(palette: readonly number[], color: number): number {
  let [best, least] = [0, Infinity];
  for (const [index, other] of palette.entries()) {
    const distance = [16, 8, 0].reduce((sum, shift) => sum + ((color >> shift & 255) - (other >> shift & 255)) ** 2, 0);
    if (distance < least) [best, least] = [index, distance];
  }
  return best;
}

function chunk(name: string, data: Buffer): Buffer {
  const whole = Buffer.alloc(data.length + 12);
  whole.writeUInt32BE(data.length, 0);
  whole.write(name, 4, "latin1");
  data.copy(whole, 8);
  whole.writeUInt32BE(checksum(whole.subarray(4, data.length + 8)), data.length + 8);
  return whole;
}

/** The CRC of PNG. */
function checksum(bytes: Buffer): number {
  let sum = ~0;
  for (const byte of bytes) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit++) sum = sum & 1 ? sum >>> 1 ^ 0xedb88320 : sum >>> 1;
  }
  return ~sum >>> 0;
}
