/** `serve --threads`: several mobs behind one port, in one order. Each frame is looked at, at each client. */

import { test } from "node:test";
import { Buffer } from "node:buffer";
import { mkdtemp, rm } from "node:fs/promises";
import { connect as dial } from "node:net";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { connect } from "../../mod.ts";
import type { ConnectionList, StatusReport } from "../../status.ts";
import { whyNotShared } from "../../adapters/shared/share_port.ts";
import { OURS, portOf, runCommand, ServerProcess } from "../helpers/command_line.ts";
import { makeAuthority } from "../helpers/certificates.ts";
import { TlsFixture } from "../helpers/tls_fixture.ts";
import { Bell, pause, within } from "../helpers/wait.ts";
import {
  allJoined,
  Cutter,
  Listener,
  listenersAt,
  messageOf,
  PROGRAM,
  sayAll,
  spreadOf,
  startThreads,
} from "../helpers/threads.ts";

const LIMITED = { timeout: 60_000 };

/** Why there is nothing to test but that this is said. */
const WHY_NOT = OURS === "deno" ? undefined : whyNotShared();

if (WHY_NOT !== undefined) {
  test("a runtime that cannot share a port says so, in one line", LIMITED, async () => {
    const { code, stdout, stderr } = await runCommand(OURS, ["tcp://127.0.0.1:0", "--threads", "2"]);
    assertEquals([code, stdout, stderr], [1, "", `mobcast: Cannot use --threads: ${WHY_NOT}\n`]);
  });
} else {
  if (OURS === "deno") {
    test("Deno says which flags it needs, in one line", LIMITED, async () => {
      const without = await runCommand(OURS, ["tcp://127.0.0.1:0", "--threads", "2"]);
      const about = "Deno shares a port only with --unstable-net";
      assertEquals([without.code, without.stderr], [1, `mobcast: Cannot use --threads: ${about}\n`]);
      const given = PROGRAM!.filter((flag) => flag !== "--allow-read");
      await using unread = new ServerProcess(OURS, ["tcp://127.0.0.1:0", "--threads", "2"], given);
      const { code, stderr } = await unread.exit();
      assertEquals(code, 1);
      assertEquals(
        stderr,
        "mobcast: Cannot use --threads: Deno reads the program of a thread only with --allow-read\n",
      );
    });
  }

  test("--bus-local: a thread for each core, and the clients of all hear each other", LIMITED, async () => {
    const cores = availableParallelism();
    await using server = new ServerProcess(OURS, ["tcp://127.0.0.1:0", "--bus-local"], PROGRAM);
    await server.match(new RegExp(`^listening on \\S+${cores > 1 ? ` with ${cores} threads` : ""}\\n`));
    server.urls = [/^listening on (\S+)/.exec(server.stdout)![1]!];
    const bell = new Bell();
    const listeners = await listenersAt(server, 8, bell);
    for (const [index, { client }] of listeners.entries()) await client.send(messageOf(`${index}.0`));
    await bell.until(() => listeners.every(({ heard }) => heard.length === 8), "all frames at all clients");
    for (const { heard } of listeners) assertEquals(heard, listeners[0]!.heard);
    await Promise.all(listeners.map(({ client }) => client.close()));
    assertEquals((await server.stop()).code, 0);
  });

  for (const threads of [2, 4]) {
    test(`${threads} threads: all clients hear all frames, in one order`, LIMITED, async () => {
      await using server = await startThreads(threads);
      const bell = new Bell();
      const listeners = await listenersAt(server, 6 * threads, bell);
      const COUNT = 120;
      const total = COUNT * listeners.length;
      await Promise.all(listeners.map(async ({ client }, index) => {
        for (let number = 0; number < COUNT; number++) await client.send(messageOf(`${index}.${number}`));
      }));
      const state = () => `${total} frames, heard ${listeners.map(({ heard }) => heard.length)}`;
      await bell.until(() => listeners.every(({ heard }) => heard.length >= total), state, 20_000);
      for (const { heard } of listeners) assertEquals(heard, listeners[0]!.heard);
      for (const index of listeners.keys()) {
        const own = listeners[0]!.heard.filter((text) => text.startsWith(`${index}.`));
        assertEquals(own, Array.from({ length: COUNT }, (_, number) => `${index}.${number}`));
      }
      assert(spreadOf(server).size > 1, `connections of threads: ${[...spreadOf(server)]}`);
      // Their numbers are added up: all hear the same, once.
      await server.tells(
        new RegExp(`mobcast: connections ${listeners.length}, joined ${listeners.length}, .*published ${total} `),
      );
      await Promise.all(listeners.map(({ client }) => client.close()));
      const { code, stderr } = await server.stop();
      assertEquals(code, 0, stderr);
      assertMatch(stderr, /mobcast: Closing: connections \d+, .*\n(?:.*\n)*.*mobcast: Closed\n$/);
    });
  }

  test("frames that are larger than the memory that threads share", LIMITED, async () => {
    await using server = await startThreads(2, ["--max-frame", "24MiB", "--max-lag", "128MiB"]);
    const options = { maxFrame: 24 * 2 ** 20 };
    const clients = await Promise.all(Array.from({ length: 4 }, () => connect(server.url, options)));
    const large = new Uint8Array(17 * 2 ** 20);
    for (let at = 0; at < large.length; at++) large[at] = (at * 31 + (at >>> 8)) & 255;
    const sizes: number[][] = clients.map(() => []);
    const all = clients.map(async (client, index) => {
      for await (const bytes of client) {
        const isRight = Buffer.compare(bytes, large.subarray(0, bytes.length)) === 0;
        assert(isRight, `wrong bytes in a frame of ${bytes.length}`);
        sizes[index]!.push(bytes.length);
        if (sizes[index]!.length === 4) break;
      }
    });
    await Promise.all([
      clients[0]!.send(large),
      clients[1]!.send(large.subarray(0, 1000)),
      clients[2]!.send(large.subarray(0, large.length - 1)),
      clients[3]!.send(large.subarray(0, 2000)),
    ]);
    await within(Promise.all(all), "four frames at each client", 40_000);
    for (const order of sizes) assertEquals(order, sizes[0]!);
    await Promise.all(clients.map((client) => client.close()));
    assertEquals((await server.stop()).code, 0);
  });

  test("SIGTERM under load: what each client has heard is a beginning of one order, and all end", LIMITED, async () => {
    await using server = await startThreads(3);
    const bell = new Bell();
    const listeners = await listenersAt(server, 12, bell);
    const sending = listeners.map(async ({ client }, index) => {
      for (let number = 0; client.state === "open"; number++) {
        await client.send(messageOf(`${index}.${number}`)).catch(() => {});
        if (number % 20 === 0) await pause();
      }
    });
    await bell.until(() => listeners.every(({ heard }) => heard.length > 500), "the load to run", 20_000);
    const { code, stderr } = await server.stop();
    assertEquals(code, 0, stderr);
    await within(Promise.all([...sending, ...listeners.map(({ over }) => over)]), "the clients to end");
    const longest = listeners.reduce((most, one) => one.heard.length > most.heard.length ? one : most).heard;
    for (const { heard } of listeners) assertEquals(heard, longest.slice(0, heard.length));
    for (const index of listeners.keys()) {
      const own = longest.filter((text) => text.startsWith(`${index}.`));
      assertEquals(own, own.map((_, number) => `${index}.${number}`));
    }
  });

  test("echo others: none hears its own frames, in whichever thread it is", LIMITED, async () => {
    await using server = await startThreads(2, ["--echo", "others"]);
    const bell = new Bell();
    const listeners = await listenersAt(server, 8, bell);
    await Promise.all(listeners.map(async ({ client }, index) => {
      for (let number = 0; number < 50; number++) await client.send(messageOf(`${index}.${number}`));
    }));
    await bell.until(() => listeners.every(({ heard }) => heard.length >= 350), "all frames of the others", 20_000);
    const own = (text: string) => Number(text.split(".", 1)[0]);
    const whole = [...listeners[0]!.heard];
    for (const [index, { heard }] of listeners.entries()) {
      assertEquals(heard.length, 350);
      assertEquals(heard.filter((text) => own(text) === index), []);
      if (index > 0) {
        const both = (texts: string[]) => texts.filter((text) => own(text) !== index && own(text) !== 0);
        assertEquals(both(heard), both(whole));
      }
    }
    await Promise.all(listeners.map(({ client }) => client.close()));
    assertEquals((await server.stop()).code, 0);
  });

  test("a client that ends its half hears all that it has sent", LIMITED, async () => {
    await using server = await startThreads(2, ["--framing", "line"]);
    const texts = Array.from({ length: 1000 }, (_, number) => `line ${number}`);
    const heard = await Promise.all(Array.from({ length: 6 }, async (_, index) => {
      return (await sayAll(server.port, texts.map((text) => `${index} ${text}\n`).join(""))).split("\n");
    }));
    for (const [index, lines] of heard.entries()) {
      assertEquals(lines.filter((line) => line.startsWith(`${index} `)), texts.map((text) => `${index} ${text}`));
    }
    assertEquals((await server.stop()).code, 0);
  });

  test(
    "block: a client that does not read holds the clients of all threads, and memory has its bound",
    LIMITED,
    async () => {
      const limits = ["--max-lag", "4MiB", "--stall-timeout", "5m"];
      await using server = await startThreads(2, ["--slow-consumer", "block", ...limits]);
      const bell = new Bell();
      const listeners = await listenersAt(server, 6, bell);
      const stuck = dial({ port: server.port, host: "127.0.0.1" }).pause().on("error", () => {});
      await within(new Promise((resolve) => stuck.on("connect", resolve)), "the stuck client");
      await allJoined(server, 7);
      let sent = 0;
      const text = "x".repeat(60_000);
      const sending = listeners.slice(0, 3).map(async ({ client }) => {
        for (let number = 0; number < 350; number++) {
          await client.send(text);
          sent++;
        }
      });
      // All that is sent is 60 MiB; what is heard stops at what the stuck client's lag and the kernel hold.
      await bell.until(() => listeners[0]!.heard.length > 60, "frames to go through");
      let before = -1;
      while (before !== listeners[0]!.heard.length) {
        before = listeners[0]!.heard.length;
        await pause(500);
      }
      assert(before < 800 && sent < 1050, `heard ${before}, sent ${sent}`);
      await server.match(/mobcast·\d: Held back by 127\.0\.0\.1:\d+, lag /, "stderr");
      // Without it all goes on.
      stuck.destroy();
      await within(Promise.all(sending), "all to be sent", 30_000);
      await bell.until(
        () => listeners.every(({ heard }) => heard.length === 1050),
        "all frames at all clients",
        20_000,
      );
      await Promise.all(listeners.map(({ client }) => client.close()));
      assertEquals((await server.stop()).code, 0);
    },
  );

  test(
    "tls and ws listeners share their ports, SIGHUP reloads in all threads, a second server is refused",
    LIMITED,
    async () => {
      await using files = await TlsFixture.make();
      await using server = await startThreads(2, [
        "tls://127.0.0.1:0",
        "ws://127.0.0.1:0/",
        ...files.flags("server"),
      ]);
      const bell = new Bell();
      const listeners = await listenersAt(server, 8, bell, { tls: files.tls });
      await listeners[0]!.client.send(messageOf("0.0"));
      await bell.until(() => listeners.every(({ heard }) => heard.length === 1), "the frame at all");
      const again = new ServerProcess(OURS, [server.urls[1]!, "--threads", "2"], PROGRAM);
      const refused = await again.exit();
      assertEquals(refused.code, 1);
      assertStringIncludes(refused.stderr, `${portOf(server.urls[1]!)}: address in use (EADDRINUSE)`);
      const other = await makeAuthority("another authority");
      await files.writePair("server", await other.issue());
      server.signal("SIGHUP");
      await server.match(/mobcast: Certificates reloaded/, "stderr");
      // Each of some new connections, whichever thread takes it, finds the new certificate.
      for (let count = 0; count < 12; count++) {
        const refusal = await connect(server.url, { tls: files.tls }).then(
          () => "taken",
          (error: Error) => error.message,
        );
        assert(refusal !== "taken", "a thread has the old certificate");
      }
      await Promise.all(listeners.map(({ client }) => client.close()));
      assertEquals((await server.stop()).code, 0);
    },
  );

  test(
    "the status of all threads: metrics, lists, top's stream and a page, while they serve and drain",
    LIMITED,
    async () => {
      await using server = await startThreads(2, ["--status", "http://127.0.0.1:0"]);
      const [, status] = /^status on (\S+)$/m.exec(server.stdout)!;
      const ask = async (path: string) => await (await fetch(`${status}${path}`)).text();
      const bell = new Bell();
      const listeners = await listenersAt(server, 10, bell);
      const stream = (await fetch(`${status}live`)).body!.pipeThrough(new TextDecoderStream()).getReader();
      let live = "";
      const readUntil = async (pattern: RegExp): Promise<void> => {
        while (!pattern.test(live)) live += (await within(stream.read(), `${pattern} of the stream`)).value ?? "";
      };
      await readUntil(/"connections":10,/);
      for (const [index, { client }] of listeners.entries()) await client.send(messageOf(`${index}.0`));
      await bell.until(() => listeners.every(({ heard }) => heard.length === 10), "all frames at all clients");
      const stats = JSON.parse(await ask("stats")) as StatusReport;
      assertEquals([stats.server.threads, stats.server.state, stats.options.maxConnections], [2, "open", 2048]);
      const { connections, joined, published, received, delivered, feeds, bus, listeners: open } = stats.stats;
      assertEquals([connections, joined, published.frames, received.frames, delivered.frames], [10, 10, 10, 10, 100]);
      assertEquals([feeds.length, feeds[0]!.connections, open.length, open[0]!.connections], [1, 10, 1, 10]);
      assertEquals([bus!.name, bus!.state, bus!.sent.frames, bus!.returned.frames], ["threads", "joined", 10, 10]);
      const list = JSON.parse(await ask("connections?sort=received&limit=7")) as ConnectionList;
      assertEquals([list.total, list.connections.length], [10, 7]);
      assertEquals(new Set(list.connections.map(({ token }) => token)).size, 7);
      for (const { token } of list.connections) assertMatch(token, /^[12]:\d+v\d+$/);
      let metrics = await ask("metrics");
      // The first delay is measured 100 ms after the first question.
      for (; /^mobcast_loop_delay_seconds_count 0$/m.test(metrics); metrics = await ask("metrics")) await pause(20);
      assertMatch(metrics, /^mobcast_threads 2$/m);
      assertMatch(metrics, /^mobcast_frames_delivered_total 100$/m);
      assertMatch(metrics, /^mobcast_loop_delay_seconds_count [1-9]/m);
      assertEquals([await ask("healthz"), await ask("readyz")], ["ok\n", "ready\n"]);
      assertStringIncludes(await ask(""), "<!doctype html>");
      const shown = await runCommand(OURS, ["stats", status!]);
      assertMatch(shown.stdout, /^ {2}version +mobcast \S+ on \S+ \S+, 2 threads$/m);
      // What happens in a thread comes with the name of its thread.
      await listeners[0]!.client.close();
      await readUntil(/"type":"left",[^}]*"token":"[12]:\d+v\d+"/);
      await Promise.all(listeners.map(({ client }) => client.close()));
      await stream.cancel();
      const { code, stderr } = await server.stop();
      assertEquals(code, 0, stderr);
    },
  );

  test("a Unix socket is the first thread's alone, and its clients are in the one order", LIMITED, async () => {
    if (OURS === "deno") return; // The command of these tests may not write there.
    const folder = await mkdtemp(join(tmpdir(), "mobcast-threads-"));
    try {
      const path = `unix://${folder}/mob.sock`;
      await using server = await startThreads(2, ["tcp://127.0.0.1:0", path, "--unix-mode", "0660"]);
      assertStringIncludes(server.stdout, `listening on ${path} with thread 1 of 2\n`);
      const bell = new Bell();
      const clients = await Promise.all([connect(path), ...Array.from({ length: 5 }, () => connect(server.urls[0]!))]);
      const listeners = clients.map((client) => new Listener(client, bell));
      await allJoined(server, 6);
      for (const [index, { client }] of listeners.entries()) await client.send(messageOf(`${index}.0`));
      await bell.until(() => listeners.every(({ heard }) => heard.length === 6), "all frames at all clients");
      for (const { heard } of listeners) assertEquals(heard, listeners[0]!.heard);
      await Promise.all(clients.map((client) => client.close()));
      assertEquals((await server.stop()).code, 0);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  test("a client that resumes misses nothing, whichever thread takes it", LIMITED, async () => {
    await using server = await startThreads(2, ["--resume", "--history", "2MiB", "--max-lag", "16MiB"]);
    const bell = new Bell();
    await using cutter = await Cutter.before(server.port);
    const gaps: unknown[] = [];
    const reconnect = { minDelay: 1, maxDelay: 5, onGap: (gap: unknown) => void gaps.push(gap) };
    const client = await connect(`tcp://127.0.0.1:${cutter.port}?resume=true`, { reconnect });
    const resuming = new Listener(client, bell);
    const speaker = new Listener(await connect(server.url), bell);
    await allJoined(server, 2);
    const CUTS = 12;
    for (let number = 0; number < 600; number++) {
      await speaker.client.send(messageOf(`0.${number}`));
      if (number % (600 / CUTS) === 20) cutter.cut();
      if (number % 10 === 0) await pause(5);
    }
    await bell.until(() => resuming.heard.length >= 600, () => `600 messages, heard ${resuming.heard.length}`, 20_000);
    assertEquals(resuming.heard, Array.from({ length: 600 }, (_, number) => `0.${number}`));
    assertEquals(gaps, []);
    assert(cutter.connections > CUTS / 2, `${cutter.connections} connections`);
    await Promise.all([client.close(), speaker.client.close()]);
    assertEquals((await server.stop()).code, 0);
  });
}
