/**
 * The handshake of a WebSocket (RFC 6455, 4.2) at a real listener.
 *
 * @module
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { bytesOf, concat, frameOf } from "../helpers/bytes.ts";
import type { WebSocketPeer } from "../helpers/websocket_peer.ts";
import { ACCEPT, HEADERS, packedRequest, upgradeRequest } from "../helpers/websocket_stream.ts";
import { message, type WebSocketCheck } from "./websocket_stage.ts";

const MIB = new Uint8Array(2 ** 20);

/** A request with lines of its own in place of some headers. */
function requestOf(first: string, ...lines: string[]): Uint8Array {
  const names = lines.map((line) => line.split(":")[0]!.trim());
  const others = Object.entries(HEADERS).filter(([name]) => !names.includes(name)).map(([name, value]) =>
    `${name}: ${value}`
  );
  return bytesOf([first, ...others, ...lines.filter((line) => !line.endsWith(":-")), "", ""].join("\r\n"));
}

const GET = "GET / HTTP/1.1";
const KEY = `Sec-WebSocket-Key: ${HEADERS["Sec-WebSocket-Key"]}`;

/** What is refused, by the status of the answer. */
const REFUSED: readonly [what: string, status: number, request: Uint8Array][] = [
  ["a page", 426, bytesOf("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")],
  ["version 8", 426, upgradeRequest({ "Sec-WebSocket-Version": "8" })],
  ["no version", 426, upgradeRequest({ "Sec-WebSocket-Version": "" })],
  ["another upgrade", 426, upgradeRequest({ Upgrade: "h2c" })],
  ["no upgrade in Connection", 426, upgradeRequest({ Connection: "keep-alive" })],
  ["POST", 405, requestOf("POST / HTTP/1.1")],
  ["HTTP/1.0", 400, requestOf("GET / HTTP/1.0")],
  ["no host", 400, upgradeRequest({ Host: "" })],
  ["a bare LF", 400, bytesOf(`${GET}\nHost: localhost\r\n\r\n`)],
  ["bare LFs all along", 400, bytesOf(`${GET}\nHost: localhost\n\n`)],
  ["a folded header", 400, requestOf(GET, "X-Long: one", " two")],
  ["two keys", 400, requestOf(GET, KEY, KEY)],
  ["two hosts", 400, requestOf(GET, "Host: localhost", "Host: localhost")],
  ["two versions", 400, requestOf(GET, "Sec-WebSocket-Version: 13", "Sec-WebSocket-Version: 13")],
  ["a short key", 400, upgradeRequest({ "Sec-WebSocket-Key": "c2hvcnQ=" })],
  ["no key", 400, upgradeRequest({ "Sec-WebSocket-Key": "" })],
  ["a body", 400, concat(upgradeRequest({ "Content-Length": "5" }), bytesOf("hello"))],
  ["a body in chunks", 400, upgradeRequest({ "Transfer-Encoding": "chunked" })],
  ["a space before a colon", 400, requestOf(GET, "X-Space : 1")],
  ["a header without a colon", 400, requestOf(GET, "X-Nothing")],
  ["an unknown subprotocol", 400, upgradeRequest({ "Sec-WebSocket-Protocol": "chat" })],
  ["a client of tcp:", 400, frameOf("hello")],
  ["TLS in the clear, or twice", 400, Uint8Array.of(22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3)],
  ["a page from elsewhere", 403, upgradeRequest({ Origin: "https://evil.example" })],
  ["a page without an origin", 403, upgradeRequest({ Origin: "null" })],
  [
    "a page of the same name that is not of this machine",
    403,
    upgradeRequest({
      Host: "evil.example",
      Origin: "http://evil.example",
    }),
  ],
  ["a head of 8,193 bytes", 431, longRequest(8193)],
];

/** A request whose head has so many bytes. */
function longRequest(size: number): Uint8Array {
  const without = upgradeRequest({ Cookie: "x" }).length;
  return upgradeRequest({ Cookie: "x".repeat(size - without + 1) });
}

/** Registers the cases. */
export function handshakes(check: WebSocketCheck): void {
  check("a handshake in pieces, one byte at a time", async (open) => {
    const stage = await open();
    const peers = await Promise.all([stage.come(), stage.come()].map(async (peer, index) => {
      await peer.sendSlowly(upgradeRequest(), index === 0 ? 1 : 7);
      assertEquals(await peer.answered(), 101);
      return peer;
    }));
    const { head } = peers[0]!.received;
    assertMatch(head, new RegExp(`^Sec-WebSocket-Accept: ${ACCEPT.replaceAll("+", "\\+")}\r$`, "im"));
    assertMatch(head, /^Upgrade: websocket\r$/im);
    assertMatch(head, /^Connection: Upgrade\r$/im);
    assert(!/^Sec-WebSocket-(Protocol|Extensions):/im.test(head), head);
  });

  check("frames in one chunk with the head, and every split near the end of the head", async (open) => {
    const stage = await open();
    const bytes = concat(upgradeRequest(), message("one"), message("two"));
    const from = upgradeRequest().length;
    const splits = [bytes.length, 1, from - 30, ...Array.from({ length: 16 }, (_, index) => from - 5 + index)];
    await Promise.all(splits.map(async (split) => {
      const peer = stage.send(bytes.subarray(0, split));
      // The second part is in a segment of its own.
      await peer.sendSlowly(bytes.subarray(split), bytes.length);
      await peer.got(2);
      // Its own two, with those of others before or between them.
      assertEquals(peer.received.status, 101);
    }));
    await stage.until(() => stage.mob.stats().received.frames === 2 * splits.length, "all frames");
  });

  check("a head of 8,192 bytes passes, and one of 8,193 bytes does not", async (open) => {
    const stage = await open();
    assertEquals(longRequest(8192).length, 8192);
    assertEquals(await stage.send(longRequest(8192)).answered(), 101);
    assertEquals(await stage.send(longRequest(8193)).answered(), 431);
    // One that never ends is answered, too, before it is.
    assertEquals(await stage.send(bytesOf(`${GET}\r\nCookie: ${"x".repeat(8192)}`)).answered(), 431);
  });

  check("what is no handshake is answered with its status and a reason, and a clean end", async (open) => {
    const stage = await open();
    await Promise.all(REFUSED.map(async ([what, status, request], index) => {
      const peer = stage.send(request);
      // Some send on: the answer must not be overtaken by a reset.
      if (index % 4 === 0) peer.send(MIB);
      assertEquals(await peer.answered(), status, what);
      await peer.ends();
      const { head, rest } = peer.received;
      assertMatch(head, /^Connection: close/im, what);
      assertMatch(head, new RegExp(`^Content-Length: ${rest.length}\r$`, "im"), what);
      if (status === 426) assertMatch(head, /^Upgrade: websocket\r\nSec-WebSocket-Version: 13\r$/im, what);
    }));
    const { closed, connections, unauthenticated } = stage.mob.stats();
    assertEquals([closed.refused + closed["handshake-failed"], connections], [REFUSED.length, 0]);
    assertEquals([closed.refused, unauthenticated], [REFUSED.filter(([, status]) => status === 403).length, 0]);
  });

  check("browsers, programs and proxies ask in many ways", async (open) => {
    const stage = await open({}, { origins: ["https://app.example"] });
    const ways: readonly Readonly<Record<string, string>>[] = [
      { Origin: "https://app.example" },
      { Origin: "http://localhost:5173" },
      { Origin: "http://127.0.0.1:8080", Host: "127.0.0.1:9000" },
      { Connection: "keep-alive, Upgrade", Upgrade: "WebSocket" },
      { "Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits" },
      { "Sec-WebSocket-Protocol": "chat, mobcast.u64" },
      { "Content-Length": "0", "Cookie": "a=b", "User-Agent": 'a "program" (x; y) é' },
    ];
    for (const way of ways) {
      const peer = stage.send(upgradeRequest(way));
      assertEquals(await peer.answered(), 101, JSON.stringify(way));
      const [, chosen] = /^Sec-WebSocket-Protocol: (.*)\r$/im.exec(peer.received.head) ?? [];
      assertEquals(chosen, "Sec-WebSocket-Protocol" in way ? "mobcast.u64" : undefined);
      assert(!/Sec-WebSocket-Extensions/i.test(peer.received.head), "an extension is accepted");
    }
  });

  check("a head that does not come in time ends, and takes no place", async (open) => {
    const stage = await open({ frameTimeout: 150 });
    const peers: WebSocketPeer[] = [];
    for (let count = 0; count < 5; count++) peers.push(stage.send(packedRequest().subarray(0, 20 * count)));
    await Promise.all(peers.map((peer) => peer.over()));
    await stage.until(() => stage.mob.stats().closed.unauthorized === 5, "all to be counted");
    assertEquals([stage.mob.stats().unauthenticated, stage.mob.stats().receiveBytes], [0, 0]);
  });

  check("a client over a limit or on a list is answered with 503 or 403, and a clean end", async (open) => {
    const cases = [
      { options: { maxConnections: 1 }, status: 503 },
      { options: { maxConnectionsPerAddress: 1 }, status: 503 },
      { options: {}, listener: { deny: ["127.0.0.0/8"] }, status: 403 },
      { options: {}, listener: { allow: ["10.0.0.0/8"] }, status: 403 },
    ];
    for (const { options, listener, status } of cases) {
      const stage = await open(options, listener);
      if (status === 503) await stage.join();
      // While a handshake under TLS is refused there is nobody to tell.
      const peers = [stage.send(upgradeRequest()), stage.send(upgradeRequest(), MIB)];
      for (const peer of peers) {
        await peer.over();
        if (peer.received.status === 0) continue;
        assertEquals(peer.received.status, status);
        await peer.ends();
      }
      assertEquals(stage.mob.stats().closed.refused, 2);
    }
  });
}
