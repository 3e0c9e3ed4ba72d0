/** Writes in rounds: how much goes out at a time, who waits, and that no client which does not read holds up the others. */

import { test } from "node:test";
import { assert, assertEquals } from "@std/assert";
import { WriteRounds } from "../../adapters/tls/write_rounds.ts";

const STEP = 64 * 1024;

/** Writers that each take a step when they may, and what was put off. */
class Stage {
  readonly rounds: WriteRounds = new WriteRounds((run) => this.deferred.push(run));
  deferred: (() => void)[] = [];
  /** The steps under way, each with its round. */
  underWay: number[] = [];
  /** The names of writers in the order in which they wrote. */
  readonly written: number[] = [];
  #mostUnderWay = 0;

  get most(): number {
    return this.#mostUnderWay;
  }

  /** A writer tries once, and again each time that it is told. */
  try(name: number): void {
    if (!this.rounds.mayWrite(() => this.try(name))) return;
    this.written.push(name);
    this.underWay.push(this.rounds.took(STEP));
    this.#mostUnderWay = Math.max(this.#mostUnderWay, this.underWay.length);
  }

  /** The first writes are answered. */
  answer(count: number): void {
    for (const round of this.underWay.splice(0, count)) this.rounds.answered(STEP, round);
  }

  /** What was put off runs. */
  turn(): void {
    for (const run of this.deferred.splice(0)) run();
  }
}

test("write rounds: a thousand writers write in the order in which they came, and only a few at a time", () => {
  const stage = new Stage();
  for (let name = 0; name < 1000; name++) stage.try(name);
  assertEquals(stage.written.length, 16);
  for (let turns = 0; stage.written.length < 1000; turns++) {
    assert(turns < 1000, "they wait for ever");
    stage.answer(stage.underWay.length);
    stage.turn();
  }
  assertEquals(stage.written, Array.from({ length: 1000 }, (_, name) => name));
  assertEquals(stage.most, 16);
});

test("write rounds: writers that nothing answers hold up the others for one round each", () => {
  const stage = new Stage();
  for (let name = 0; name < 100; name++) stage.try(name);
  for (let turns = 0; turns < 10; turns++) stage.turn();
  assertEquals(stage.written.length, 100);
  // An answer that comes after all is of an earlier round, and makes no room for more.
  stage.answer(stage.underWay.length - 4);
  for (let name = 0; name < 100; name++) stage.try(name);
  assertEquals(stage.underWay.length, 16);
});

test("write rounds: a writer that is told and has nothing to write holds up none", () => {
  const { rounds, ...stage } = new Stage();
  const told: number[] = [];
  rounds.took(16 * STEP);
  for (let name = 0; name < 100; name++) assert(!rounds.mayWrite(() => told.push(name)));
  for (let turns = 0; turns < 100; turns++) for (const run of stage.deferred.splice(0)) run();
  assertEquals(told, Array.from({ length: 100 }, (_, name) => name));
  // Nothing is put off when none waits: an immediate that always comes again keeps Deno from looking at its sockets.
  assertEquals(stage.deferred.length, 0);
});

test("write rounds: a writer that tries again while it waits is told once", () => {
  const stage = new Stage();
  let told = 0;
  const tell = (): void => void told++;
  stage.rounds.took(16 * STEP);
  assertEquals([stage.rounds.mayWrite(tell), stage.rounds.mayWrite(tell)], [false, false]);
  stage.turn();
  assertEquals(told, 1);
});

test("write rounds: nothing is put off while all may write", () => {
  const stage = new Stage();
  for (let name = 0; name < 16; name++) stage.try(name);
  assertEquals([stage.written.length, stage.deferred.length], [16, 0]);
});
