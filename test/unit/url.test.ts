/** URLs that name a framing. */

import { test } from "node:test";
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { memoryAdapter } from "../../adapters/memory.ts";
import { connect } from "../../mod.ts";
import type { FramingName } from "../../src/framing/framing.ts";
import { type ParsedUrl, parseUrl } from "../../src/framing/url.ts";
import { serve } from "../../mod.ts";
import { bytesOf, textOf } from "../helpers/bytes.ts";

test("parseUrl reads an address and the framing that the query names", () => {
  const address = { transport: "tcp", host: "::1", port: 9 } as const;
  assertEquals(parseUrl("tcp://[::1]:9?framing=line"), { address, framing: "line", webSocket: false });
  assertEquals(parseUrl("tcp://[::1]:9/?framing=u32"), { address, framing: "u32", webSocket: false });
  assertEquals(parseUrl("tcp://[::1]:9"), { address, framing: undefined, webSocket: false });
  const path = (path: string, framing?: FramingName): ParsedUrl => ({
    address: { transport: "unix", path },
    framing,
    webSocket: false,
  });
  assertEquals(parseUrl("unix:/run/mob?framing=line"), path("/run/mob", "line"));
  assertEquals(parseUrl("unix:/run/mob?x=1"), path("/run/mob?x=1"));
  assertEquals(parseUrl("unix:/run/mob?x=1?framing=u64"), path("/run/mob?x=1", "u64"));
  for (
    const [url, part] of [
      ["tcp://h:1?framing=xml", 'framing "xml" is one of u64, u32, line'],
      ["tcp://h:1?framing=toString", "is one of u64, u32, line"],
      ["tcp://h:1?framing", 'framing "" is one of'],
      ["tcp://h:1?", "its query can only be ?framing=NAME"],
      ["tcp://h:1?secret=x", "its query can only be ?framing=NAME"],
      ["tcp://h:1?framing=line&framing=u64", "its query can only be ?framing=NAME"],
      ["http://h:1?framing=line", '"http:" is not supported'],
    ] as const
  ) {
    const error = assertThrows(() => parseUrl(url), TypeError, part);
    assertEquals(error.message.startsWith("Cannot parse URL "), true, error.message);
  }
});

test("parseUrl reads a WebSocket URL: the port is 80, or 443 with TLS", () => {
  const at = (transport: "tcp" | "tls", port: number): ParsedUrl => ({
    address: { transport, host: "host", port },
    framing: undefined,
    webSocket: true,
  });
  assertEquals(parseUrl("ws://host:8080"), at("tcp", 8080));
  assertEquals(parseUrl("WS://host:8080/"), at("tcp", 8080));
  assertEquals(parseUrl("ws://host/"), at("tcp", 80));
  assertEquals(parseUrl("wss://host"), at("tls", 443));
  assertEquals(parseUrl("wss://host:0"), at("tls", 0));
  assertEquals(parseUrl("ws://[::1]").address, { transport: "tcp", host: "::1", port: 80 });
  for (
    const [url, part] of [
      ["ws://host?framing=line", "leave ?framing= out"],
      ["ws://host:8080/path", "a URL looks like"],
      ["ws://:8080", "it names no host"],
      ["wss://host:70000", "a port is a number"],
      ["ws:///run/mob.sock", "a URL looks like"],
    ] as const
  ) {
    const error = assertThrows(() => parseUrl(url), TypeError, part);
    assertEquals(error.message.startsWith(`Cannot parse URL ${JSON.stringify(url)}: `), true, error.message);
  }
});

test("connect takes the framing that the URL names, and none beside it that differs", async () => {
  const adapter = memoryAdapter();
  const mob = await serve({ adapter, listen: ["tcp://127.0.0.1:0?framing=line", "tcp://127.0.0.1:0"] });
  const [lines, plain] = mob.urls as [string, string];
  assertEquals(lines.endsWith("?framing=line"), true, lines);
  await assertRejects(
    () => connect(lines, { adapter, framing: "u32" }),
    TypeError,
    `Cannot connect to ${lines}: its framing is line, and the option says u32`,
  );
  for (
    const open of [
      () => connect(lines, { adapter }),
      () => connect(lines, { adapter, framing: "line" }),
      () => connect(lines, { adapter, reconnect: true }),
    ]
  ) {
    const client = await open();
    const other = await connect(new URL(plain), { adapter });
    await assertRejects(() => client.send(bytesOf("a\nb")), TypeError, "a line cannot hold a newline");
    while (mob.stats().connections < 2) await new Promise((resolve) => void adapter.after(1, () => resolve(undefined)));
    await client.send(bytesOf("hello"));
    for (const each of [client, other]) {
      for await (const message of each) {
        assertEquals(textOf(message), "hello");
        break;
      }
      await each.close();
    }
    while (mob.stats().connections > 0) await new Promise((resolve) => void adapter.after(1, () => resolve(undefined)));
  }
  await mob.close();
});
