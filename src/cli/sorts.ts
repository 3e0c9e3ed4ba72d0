/**
 * Sorts: what comes first among the connections that `top` lists, as options and keys have it.
 *
 * @module
 */

import { CONNECTION_SORTS, type ConnectionSort } from "../status/stats.ts";

/** A word of `--sort`. */
export type SortWord = "lag" | "age" | "received" | "delivered" | "skipped" | "memory";

/** What the words of `--sort` stand for. */
export const SORT_WORDS: Readonly<Record<SortWord, ConnectionSort>> = {
  lag: "lag",
  age: "age",
  received: "received",
  delivered: "delivered",
  skipped: "skipped",
  memory: "receiveBytes",
};

/** The keys of sorts. */
export const SORT_KEYS: Readonly<Record<string, ConnectionSort>> = {
  l: "lag",
  a: "age",
  r: "received",
  d: "delivered",
  k: "skipped",
  m: "receiveBytes",
};

/** The sort that follows another. */
export function sortAfter(sort: ConnectionSort): ConnectionSort {
  return CONNECTION_SORTS[(CONNECTION_SORTS.indexOf(sort) + 1) % CONNECTION_SORTS.length]!;
}
