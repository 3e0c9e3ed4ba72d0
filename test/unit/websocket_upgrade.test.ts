import { test } from "node:test";
import { assert, assertEquals, assertLess, assertStringIncludes } from "@std/assert";
import fc from "../helpers/fast_check.ts";
import {
  chain,
  HandshakeReader,
  type HandshakeResult,
  type HandshakeStep,
  type Handshaking,
} from "../../src/admission/handshake.ts";
import type { Socket } from "../../src/contract/adapter.ts";
import { FrameDecoder } from "../../src/framing/decoder.ts";
import { FRAMINGS } from "../../src/framing/framing.ts";
import { secretStep } from "../../src/admission/secret.ts";
import { refusal } from "../../src/websocket/response.ts";
import { LONGEST_HEAD, PACKED, UpgradeHandshake, upgradeStep } from "../../src/websocket/upgrade.ts";
import { bytesOf, concat, frameOf, textOf } from "../helpers/bytes.ts";
import { clientFrame } from "../helpers/websocket_client.ts";

const RULES = { origins: [], loopback: true };

/** The headers of a browser's request, without those that a test leaves out (`undefined`), and with those that it adds. */
function request(
  given: Readonly<Record<string, string | undefined>> = {},
  first = "GET /chat?room=1 HTTP/1.1",
): string {
  const headers = {
    "Host": "localhost:8080",
    "Upgrade": "websocket",
    "Connection": "keep-alive, Upgrade",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version": "13",
    ...given,
  };
  const lines = Object.entries(headers).filter(([, value]) => value !== undefined).map(([name, value]) =>
    `${name}: ${value}`
  );
  return [first, ...lines, "", ""].join("\r\n");
}

/** A connection in u64, as a handshake knows it. */
const connectionOf = (replies: string[] = []): Handshaking => ({
  decoder: new FrameDecoder(),
  feed: { framing: FRAMINGS.u64 },
  takeReply: (reply) => replies.push(textOf(reply)),
  receiveControl: () => {},
});

/** The result of a handshake for chunks, and what was replied in all. */
function shake(chunks: readonly Uint8Array[], step: HandshakeStep = upgradeStep(RULES)) {
  const handshake = step(connectionOf());
  let result: HandshakeResult = { state: "more" };
  const replies: Uint8Array[] = [];
  let rest = new Uint8Array();
  for (const chunk of chunks) {
    if (result.state !== "more") {
      rest = concat(rest, chunk) as Uint8Array<ArrayBuffer>;
      continue;
    }
    const lent = chunk.slice();
    result = handshake.receive(lent);
    if (result.reply) replies.push(result.reply);
    if (result.state === "accepted") rest = result.rest.slice();
    lent.fill(0xee);
  }
  const why = result.state === "rejected" ? result.why : undefined;
  return { state: result.state, why, reply: textOf(concat(...replies)), rest, handshake };
}

function accept(text: string) {
  return shake([bytesOf(text)]);
}

test("a request of a browser is accepted, with the answer to its key (RFC 6455, 1.3)", () => {
  const { state, reply, rest } = accept(request());
  assertEquals([state, rest.length], ["accepted", 0]);
  assertEquals(
    reply,
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
      "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
  );
});

test("the bytes behind the head come out, however head and frames are split", () => {
  const frames = concat(clientFrame({ payload: bytesOf("\r\n\r\nhi") }), clientFrame({ first: 0x89 }));
  const stream = concat(bytesOf(request()), frames);
  for (let first = 0; first <= stream.length; first++) {
    const second = Math.min(stream.length, first + 1 + first % 7);
    const { state, rest } = shake([stream.slice(0, first), stream.slice(first, second), stream.slice(second)]);
    assertEquals([state, rest], ["accepted", frames], `split at ${first} and ${second}`);
  }
  const { state, rest } = shake(Array.from(stream, (byte) => Uint8Array.of(byte)));
  assertEquals([state, rest], ["accepted", frames]);
});

/** What of a request is tolerated. */
const ACCEPTED: readonly (readonly [string, string])[] = [
  ["names and words in any case", request({ "Upgrade": "WebSocket", "Connection": "UPGRADE" }).replace("Host", "hOST")],
  ["no space and much space around values", request({ "Host": "\t  localhost \t" }).replace("Upgrade: ", "Upgrade:")],
  [
    "several Connection headers",
    request().replace("Connection: keep-alive, Upgrade", "Connection: a\r\nConnection: upgrade"),
  ],
  ["a list of protocols to upgrade to", request({ "Upgrade": "h2c, websocket" })],
  ["a body of no bytes", request({ "Content-Length": "0" })],
  [
    "extensions, which are declined",
    request({ "Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits" }),
  ],
  ["a header with letters of Latin-1", request({ "Cookie": "name=\xe9" })],
  ["an absolute target", request({}, "GET http://localhost:8080/ HTTP/1.1")],
];

for (const [what, text] of ACCEPTED) {
  test(`the handshake takes ${what}`, () => {
    const { state, why, reply } = accept(text);
    assertEquals([state, why], ["accepted", undefined]);
    assert(!reply.includes("Extensions"));
  });
}

/** What is refused: the status, and a word of the reason. */
const REFUSED: readonly (readonly [string, string, number, string])[] = [
  ["a request that is no upgrade", "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", 426, "WebSocket client"],
  ["a request for a health check", request({ "Upgrade": undefined, "Connection": undefined }), 426, "WebSocket client"],
  ["an upgrade to something else", request({ "Upgrade": "h2c" }), 426, "WebSocket client"],
  ["Connection without Upgrade", request({ "Connection": "keep-alive" }), 426, "WebSocket client"],
  ["version 12", request({ "Sec-WebSocket-Version": "12" }), 426, "version 13"],
  ["no version", request({ "Sec-WebSocket-Version": undefined }), 426, "version 13"],
  ["a POST", request({}, "POST / HTTP/1.1"), 405, "GET"],
  ["HTTP/1.0", request({}, "GET / HTTP/1.0"), 400, "HTTP/1.1"],
  ["the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\n", 400, "HTTP/2.0"],
  ["no version of HTTP", "GET /\r\n\r\n", 400, "no HTTP request"],
  ["two spaces in the first line", request({}, "GET  / HTTP/1.1"), 400, "no HTTP request"],
  ["a space at the end of the first line", request({}, "GET / HTTP/1.1 "), 400, "no HTTP request"],
  ["lines that are not HTTP", "hello\r\n\r\n", 400, "no HTTP request"],
  ["no Host", request({ "Host": undefined }), 400, "Host"],
  ["no key", request({ "Sec-WebSocket-Key": undefined }), 400, "Key"],
  ["a key of 15 bytes", request({ "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25j" }), 400, "Key"],
  ["a key that is no base64", request({ "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25j!Q==" }), 400, "Key"],
  ["two keys", request({ "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA==" }), 400, "two headers sec-websocket-key"],
  ["two versions", request({ "sec-websocket-version": "13" }), 400, "two headers sec-websocket-version"],
  ["two hosts", request({ "host": "localhost" }), 400, "two headers host"],
  ["two origins", request({ "Origin": "http://localhost", "origin": "http://localhost" }), 400, "two headers origin"],
  ["a body", request({ "Content-Length": "5" }), 400, "body"],
  ["two lengths of a body", request({ "Content-Length": "0", "content-length": "0" }), 400, "body"],
  ["a body in chunks", request({ "Transfer-Encoding": "chunked" }), 400, "body"],
  ["a folded header", request({ "Cookie": "a\r\n b" }), 400, "folded"],
  ["a header folded by a tab", request({ "Cookie": "a\r\n\tb" }), 400, "folded"],
  ["a header without a colon", request({ "Cookie": "a\r\nnonsense" }), 400, "colon"],
  ["a header without a name", request({ "Cookie": "a\r\n: b" }), 400, "name"],
  ["a space before the colon", request({ "Cookie ": "a" }), 400, "name"],
  ["a name that is not ASCII", request({ "C\xf6kie": "a" }), 400, "name"],
  ["a zero byte in a value", request({ "Cookie": "a\0b" }), 400, "name"],
  ["a carriage return in a value", request({ "Cookie": "a\rb" }), 400, "name"],
  ["a bare line feed", request({ "Cookie": "a\nb" }), 400, "CR LF"],
  ["a head of bare line feeds", request().replaceAll("\r\n", "\n"), 400, "CR LF"],
  ["an end of a bare line feed", request().slice(0, -2) + "\n", 400, "CR LF"],
  ["only unknown subprotocols", request({ "Sec-WebSocket-Protocol": "mqtt, graphql-ws" }), 400, PACKED],
  ["an empty list of subprotocols", request({ "Sec-WebSocket-Protocol": "" }), 400, "list of names"],
  ["a subprotocol with a space", request({ "Sec-WebSocket-Protocol": "mobcast.u64 x" }), 400, "list of names"],
  ["another page", request({ "Origin": "https://evil.example" }), 403, "--origin"],
  ["a page of no origin", request({ "Origin": "null" }), 403, "--origin"],
];

for (const [what, text, status, word] of REFUSED) {
  test(`the handshake refuses ${what} with ${status}`, () => {
    for (const chunks of [[bytesOf(text)], Array.from(bytesOf(text), (byte) => Uint8Array.of(byte))]) {
      const { state, why, reply } = shake(chunks);
      assertEquals(state, "rejected");
      assertStringIncludes(why!, word);
      assertStringIncludes(reply, `HTTP/1.1 ${status} `);
      checkResponse(reply, why!);
      if (status === 426) assertStringIncludes(reply, "\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n");
      if (status === 405) assertStringIncludes(reply, "\r\nAllow: GET\r\n");
    }
  });
}

/** A refusal is closed behind, and its body is the reason. */
function checkResponse(reply: string, why: string): void {
  const [head = "", body = ""] = reply.split("\r\n\r\n");
  assertEquals(body, `${why}\n`);
  assertStringIncludes(`${head}\r\n`, `\r\nContent-Length: ${bytesOf(body).length}\r\n`);
  assertStringIncludes(head, "\r\nConnection: close");
  assertStringIncludes(head, "\r\nContent-Type: text/plain; charset=utf-8");
}

test("what cannot be HTTP is refused at its first byte", () => {
  for (const bytes of [Uint8Array.of(22, 3, 1), frameOf("hello"), bytesOf("\r\n"), bytesOf(" GET")]) {
    assertEquals(shake([bytes.subarray(0, 1)]).state, "rejected");
  }
  assertEquals(shake([new Uint8Array()]).state, "more");
});

test("a head of 8,192 bytes passes, and 8,193 do not, however it is split", () => {
  assertEquals(LONGEST_HEAD, 8192);
  const padded = (length: number): Uint8Array => {
    const cookie = "c".repeat(length - request({ "Cookie": "" }).length);
    return bytesOf(request({ "Cookie": cookie }));
  };
  const [longest, longer] = [padded(8192), padded(8193)];
  assertEquals([longest.length, longer.length], [8192, 8193]);
  for (const split of [0, 1, 4096, 8190, 8191, 8192]) {
    const more = bytesOf("frames");
    const passed = shake([longest.subarray(0, split), concat(longest.subarray(split), more)]);
    assertEquals([passed.state, passed.rest], ["accepted", more]);
    const { state, reply, why } = shake([longer.subarray(0, split), longer.subarray(split)]);
    assertEquals(state, "rejected");
    assertStringIncludes(reply, "HTTP/1.1 431 Request Header Fields Too Large\r\n");
    checkResponse(reply, why!);
  }
});

test("a handshake holds at most twice the bytes that came, and 8 KiB", () => {
  const handshake = new UpgradeHandshake(RULES);
  const text = bytesOf(`GET / HTTP/1.1\r\nCookie: ${"c".repeat(20_000)}`);
  assertEquals(handshake.retainedBytes, 0);
  for (let at = 0; at < LONGEST_HEAD - 1; at++) {
    assertEquals(handshake.receive(text.subarray(at, at + 1)).state, "more");
    assertLess(handshake.retainedBytes, Math.min(2 * (at + 1), LONGEST_HEAD) + 1);
  }
  const fresh = new UpgradeHandshake(RULES);
  assertEquals(fresh.receive(text).state, "rejected");
  assertLess(fresh.retainedBytes, LONGEST_HEAD + 1);
});

test("the subprotocol is the one that is known among those asked for, and its callback hears of it first", () => {
  for (
    const [asked, protocol] of [
      [undefined, undefined],
      [PACKED, PACKED],
      [`mqtt, ${PACKED}`, PACKED],
      [`${PACKED},mqtt`, PACKED],
    ]
  ) {
    const heard: unknown[] = [];
    const handshake = new UpgradeHandshake(RULES, (protocol, { target, host }) => heard.push(protocol, target, host));
    const result = handshake.receive(bytesOf(request({ "Sec-WebSocket-Protocol": asked })));
    assertEquals([result.state, handshake.protocol], ["accepted", protocol]);
    assertEquals(heard, [protocol, "/chat?room=1", "localhost:8080"]);
    const line = `\r\nSec-WebSocket-Protocol: ${PACKED}\r\n`;
    assertEquals(textOf(result.reply!).includes(line), protocol !== undefined);
  }
});

test("a refused handshake does not call back", () => {
  const step = upgradeStep(RULES, () => {
    throw new Error("called");
  });
  for (const [, text] of REFUSED) assertEquals(step(connectionOf()).receive(bytesOf(text)).state, "rejected");
});

test("a handshake before another one replies at once: the client waits for it", () => {
  const head = bytesOf(request());
  const replies: string[] = [];
  const handshake = chain([upgradeStep(RULES), secretStep("key")], connectionOf(replies))!;
  assertEquals([handshake.receive(head).state, replies.length], ["more", 1]);
  assertStringIncludes(replies[0]!, "HTTP/1.1 101 ");
  const second = handshake.receive(concat(frameOf("key"), bytesOf("rest")));
  assertEquals([second.state, second.reply, replies.length], ["accepted", undefined, 1]);
  const stream = concat(head, frameOf("key"), bytesOf("rest"));
  for (let split = 0; split <= stream.length; split++) {
    const given: string[] = [];
    const step: HandshakeStep = () => chain([upgradeStep(RULES), secretStep("key")], connectionOf(given))!;
    const { state, reply, rest } = shake([stream.slice(0, split), stream.slice(split)], step);
    assertEquals([state, textOf(rest), reply], ["accepted", "rest", ""]);
    assertEquals(given.join("").match(/HTTP\/1\.1 101 /g)?.length, 1, "one reply");
  }
});

test("a chain hands out the replies of all its steps in their order", () => {
  const replies = (reply: string): HandshakeStep => () => ({
    receive: (chunk) => ({ state: "accepted", rest: chunk.subarray(1), reply: bytesOf(reply) }),
    retainedBytes: 0,
  });
  const silent: HandshakeStep = () => ({ receive: (rest) => ({ state: "accepted", rest }), retainedBytes: 0 });
  const refuses: HandshakeStep = () => ({
    receive: () => ({ state: "rejected", why: "no", reply: bytesOf("c") }),
    retainedBytes: 0,
  });
  const given: string[] = [];
  const all = chain([replies("a"), silent, replies("b")], connectionOf(given))!.receive(bytesOf("123"));
  assertEquals([all.state, textOf(all.reply!), given], ["accepted", "b", ["a"]]);
  const refused = chain([replies("d"), replies("e"), refuses], connectionOf(given))!.receive(bytesOf("123"));
  assertEquals([refused.state, textOf(refused.reply!), given], ["rejected", "c", ["a", "d", "e"]]);
});

test("HandshakeReader hands out what was replied during a read, once, whatever its outcome", () => {
  // A step that replies to its first chunk.
  const step: HandshakeStep = () => {
    let chunks = 0;
    return {
      receive(chunk): HandshakeResult {
        const reply = chunks++ === 0 || textOf(chunk) === "again" ? { reply: bytesOf("HTTP/1.1 101 ") } : {};
        if (textOf(chunk) === "key") return { state: "accepted", rest: bytesOf(""), ...reply };
        return textOf(chunk) === "no" ? { state: "rejected", why: "no", ...reply } : { state: "more", ...reply };
      },
      retainedBytes: 0,
    };
  };
  const head = bytesOf("0123456789abcdef");
  const ends: readonly (readonly [string, readonly (Uint8Array | undefined | null)[]])[] = [
    ["more", [head, undefined]],
    ["more", [head, head, undefined]],
    ["more", [head, bytesOf("again"), undefined]],
    ["accepted", [head, bytesOf("key")]],
    ["rejected", [head, bytesOf("no")]],
    ["rejected", [head, null]],
    ["later", Array.from({ length: 7000 }, () => head)],
  ];
  for (const [state, chunks] of ends) {
    const left = [...chunks];
    const socket = { read: () => left.shift() } as unknown as Socket;
    const reader = new HandshakeReader();
    reader.beginTick();
    const handshake = step(connectionOf());
    const outcome = reader.read(handshake, socket, false);
    assertEquals(outcome.state, state);
    assertEquals(
      textOf(outcome.reply!).match(/HTTP\/1\.1 101 /g)?.length,
      chunks[1] && textOf(chunks[1]) === "again" ? 2 : 1,
    );
    if (state === "more") assertEquals(reader.read(handshake, socket, false).reply, undefined);
  }
});

test("refusal() is a whole response for a connection whose request was not read", () => {
  for (const [status, line] of [[403, "403 Forbidden"], [503, "503 Service Unavailable"]] as const) {
    const reply = textOf(refusal(status, "maxConnections 10, come back later: grün"));
    assertStringIncludes(reply, `HTTP/1.1 ${line}\r\n`);
    checkResponse(reply, "maxConnections 10, come back later: grün");
  }
});

test("the handshake never throws, and holds no more than 8 KiB, whatever bytes come (property)", () => {
  const line = fc.constantFrom(
    "GET / HTTP/1.1",
    "Host: a",
    "Upgrade: websocket",
    " ",
    "\r\n",
    "\n",
    "Origin: :",
    "x:",
    "\0",
  );
  const bytes = fc.oneof(line.map((text) => bytesOf(`${text}\r\n`)), fc.uint8Array({ maxLength: 20 }));
  fc.assert(fc.property(fc.array(bytes, { maxLength: 20 }), (chunks) => {
    const { handshake } = shake([bytesOf("G"), ...chunks]);
    assert(handshake.retainedBytes <= LONGEST_HEAD);
  }));
});
