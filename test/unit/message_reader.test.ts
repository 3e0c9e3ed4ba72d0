/** The message reader: each message goes to the call of `next()` that has waited longest. */

import { test } from "node:test";
import { setImmediate } from "node:timers";
import { assertEquals } from "@std/assert";
import { type Message, MessageReader } from "../../src/client/message_reader.ts";

test("MessageReader: a call does not take the message for which an earlier one waits, also when nobody was woken yet", async () => {
  const messages: Message[] = [];
  const reader = new MessageReader({ take: () => messages.shift(), isOver: () => false });
  const [one, two] = [reader.iterate(([byte]) => byte), reader.iterate(([byte]) => byte)];
  const taken: (number | undefined | void)[][] = [];
  const call = (number: number, iterator: typeof one): void =>
    void iterator.next().then(({ value }) => taken.push([number, value]));
  call(1, one);
  messages.push(new Uint8Array([7]), new Uint8Array([8]));
  call(2, two);
  call(3, one);
  await new Promise<void>((resolve) => void setImmediate(resolve));
  assertEquals(taken, []);
  reader.wake();
  messages.push(new Uint8Array([9]));
  reader.wake();
  await new Promise<void>((resolve) => void setImmediate(resolve));
  assertEquals(taken, [[1, 7], [2, 8], [3, 9]]);
});
