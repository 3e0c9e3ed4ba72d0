/** What the process is on systems where these tests do not run: signals and outputs of Windows. */

import { test } from "node:test";
import { Writable } from "node:stream";
import { assertEquals } from "@std/assert";
import { signalsOf } from "../../adapters/process/process_events.ts";
import { type ProcessStream, writerOf } from "../../adapters/process/writer.ts";
import { rejection } from "../helpers/wait.ts";

test("signals: on Windows a closed window and Ctrl-Break end the command, and nothing reloads", () => {
  assertEquals(signalsOf("SIGTERM", true), ["SIGTERM", "SIGHUP", "SIGBREAK"]);
  assertEquals(signalsOf("SIGINT", true), ["SIGINT"]);
  for (const name of ["SIGHUP", "SIGUSR2"] as const) assertEquals(signalsOf(name, true), []);
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP", "SIGUSR2"] as const) assertEquals(signalsOf(name, false), [name]);
});

test("outputs: on Windows they are written through the stream, which knows how a console takes text", async () => {
  const written: string[] = [];
  const faults: Error[] = [];
  const stream: ProcessStream = new Writable({
    write(chunk, _encoding, done) {
      written.push(String(chunk));
      done(faults.shift());
    },
  });
  // No such descriptor is open: what went to it would fail.
  const writer = writerOf(stream, 1_000_000, "win32");
  assertEquals(await writer.write(new TextEncoder().encode("é\n")), 3);
  assertEquals([written, writer.isTerminal], [["é\n"], false]);
  faults.push(Object.assign(new Error("gone"), { code: "EPIPE" }));
  assertEquals((await rejection(writer.write(new Uint8Array(1)), "write")).code, "EPIPE");
  assertEquals((await rejection(writerOf(stream, 1_000_000, "linux").write(new Uint8Array(1)), "write")).code, "EBADF");
});
