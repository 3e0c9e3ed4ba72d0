/** The engine of simulated buses: what it promises to those that read it, whatever befalls it. */

import { test } from "node:test";
import { assertEquals } from "@std/assert";
import { Engine, type EngineStream, type Told } from "../simulation/bus_engine.ts";

const READER = { message() {}, missed() {}, restarted() {}, away() {}, back() {} };

/** An engine with some messages, of which a reader has been told none. */
async function engineWith(messages: number): Promise<{ engine: Engine; stream: EngineStream; told: Told[] }> {
  const engine = new Engine(1000, { stored() {}, befell() {}, known() {}, appended() {} });
  const told: Told[] = [];
  const stream = engine.stream((each) => void told.push(each));
  await stream.open(READER, { framing: "u64", maxFrame: 100 }, 0);
  assertEquals(told.splice(0), [{ opened: 0, life: "1" }]);
  for (let number = 0; number < messages; number++) engine.store(Uint8Array.of(number), undefined);
  return { engine, stream, told };
}

const kindsOf = (told: readonly Told[]): string[] =>
  told.map((each) =>
    "restarted" in each ? "restarted" : "from" in each ? "missed" : "opened" in each ? "opened" : `${each.sequence}`
  );

test("an engine that comes back empty is told to all, also to a reader that was behind what it had", async () => {
  const { engine, stream, told } = await engineWith(3);
  for (let count = 0; count < 2; count++) stream.deliver();
  engine.discard(2);
  // Nothing is left of life 1, and life 2 grows beyond what the reader was told of.
  engine.restart(1, false, true);
  for (let number = 0; number < 5; number++) engine.store(Uint8Array.of(number), undefined);
  while (stream.deliver());
  assertEquals(kindsOf(told), ["1", "2", "restarted", "1", "2", "3", "4", "5"]);
});

test("an engine that has lost its end is not told, quietly, to a reader whose last message it still has", async () => {
  const { engine, stream, told } = await engineWith(5);
  for (let count = 0; count < 2; count++) stream.deliver();
  engine.restart(2, false, true);
  engine.store(Uint8Array.of(9), undefined);
  while (stream.deliver());
  assertEquals(kindsOf(told), ["1", "2", "3", "4"]);
});
