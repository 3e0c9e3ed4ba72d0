/** HTTP servers of the adapters over TLS, on the runtime at hand; and descriptors of connections that are dropped. */

import { type AddressInfo, connect as netConnect, createServer, type Socket as NetSocket } from "node:net";
import { connect as tlsConnect, type ConnectionOptions } from "node:tls";
import { assert, assertEquals, assertLess, assertStringIncludes } from "@std/assert";
import { HttpConnection } from "../../adapters/http/http_connection.ts";
import { runtimeAdapter } from "../../adapters/runtime.ts";
import { handshakesOf } from "../../adapters/tls/tls.ts";
import type { Address, NetworkAddress } from "../../src/contract/address.ts";
import { makeAuthority } from "../helpers/certificates.ts";
import { assertNoMoreDescriptors, descriptors, MOMENTS } from "../helpers/descriptors.ts";
import { get, HttpClient } from "../helpers/http_client.ts";
import { Bell, rejection, within } from "../helpers/wait.ts";
import { case_, Endless, events, Stage, TCP } from "../helpers/http_stage.ts";

const adapter = await runtimeAdapter();

const TLS: Address = { transport: "tls", host: "127.0.0.1", port: 0 };

const authority = await makeAuthority("an authority");

const [server, other, clientPair] = await Promise.all([
  authority.issue(),
  authority.issue(),
  authority.issue({ usage: "client" }),
]);

const { cert: ca } = authority;

case_("over TLS: https URLs, no answer in the clear, and limits as without", async () => {
  await using stage = await Stage.open(({ url }) => new Response(`<${url}>`), { headTimeout: 300, keepAlive: 200 }, {
    tls: server,
  }, TLS);
  const secure = stage.secure({ ca }).send(get("/a"));
  assertStringIncludes(await secure.got("<https://localhost/a>"), "<https://localhost/a>");
  await secure.over();
  await stage.secure({ ca }).over();
  assert(!(await stage.client().send(get("/")).over()).includes("HTTP"));
});

case_("over TLS with an authority, only clients with its certificate are answered", async () => {
  let calls = 0;
  const handler = (): Response => new Response(`hello ${++calls}`);
  await using stage = await Stage.open(handler, {}, { tls: { ...server, ca } }, TLS);
  const foreign = await (await makeAuthority("another")).issue({ usage: "client" });
  for (const options of [{}, foreign]) {
    assert(!(await stage.secure({ ca, ...options }).send(get("/")).over()).includes("hello"));
  }
  assertEquals(calls, 0);
  assertStringIncludes(await stage.secure({ ca, ...clientPair }).send(get("/")).got("hello 1"), "hello 1");
});

case_("over TLS, reload shows other certificates to new connections, and can begin to ask for theirs", async () => {
  await using stage = await Stage.open(undefined, {}, { tls: server }, TLS);
  const fingerprint = async (options: ConnectionOptions): Promise<string> => {
    const client = stage.secure({ ca, ...options }).send(get("/"));
    await client.got("hello");
    return client.text.includes("hello")
      ? (client.socket as ReturnType<typeof tlsConnect>).getPeerCertificate().fingerprint256
      : "refused";
  };
  const before = await fingerprint({});
  const open = stage.secure({ ca }).send(get("/"));
  await open.got("0\r\n\r\n");
  await stage.listener.reload!(other);
  const after = await fingerprint({});
  assert(before !== after && after !== "refused", `${before} ${after}`);
  await rejection(stage.listener.reload!({ cert: "no", key: "no" }), "reload");
  assertEquals(await fingerprint({}), after);
  await stage.listener.reload!({ ...other, ca });
  assertEquals(await fingerprint({}), "refused");
  assertEquals(await fingerprint(clientPair), after);
  // A connection of before stays.
  await open.send(get("/")).got("hello", 2);
  assertEquals(open.text.match(/hello/g)?.length, 2);
});

case_("over TLS, a client that floods an event stream or does not read it is bounded and dropped", async () => {
  const body = new Endless();
  await using stage = await Stage.open(body.handler, { stallTimeout: 500 }, { tls: server }, TLS);
  const client = stage.secure({ ca });
  client.send(get("/"));
  await client.got("HTTP/1.1 200");
  client.stopReading();
  await body.over();
  assertLess(body.taken, 16 * 2 ** 20);
  await using live = await Stage.open(() => events(() => {}), {}, { tls: server }, TLS);
  const flood = live.secure({ ca }).send(get("/"));
  await flood.got("data: 1");
  await flood.send(get("/").repeat(1000)).over();
});

case_("the adapter of the runtime has it", async () => {
  const listener = await adapter.listenHttp!(TCP, { handler: () => new Response("hello"), allows: () => true });
  using client = HttpClient.connect({ host: "127.0.0.1", port: (listener.address as NetworkAddress).port });
  assertStringIncludes(await client.send(get("/")).got("hello"), "hello");
  await listener.close();
});

for (const [transport, address] of Object.entries({ tcp: TCP, tls: TLS })) {
  case_(`a connection that is dropped at any moment of its end leaves no descriptor open, ${transport}`, async () => {
    const handshakes = address === TLS ? handshakesOf(await authority.issue()) : undefined;
    const arrived = new Bell();
    let connection: HttpConnection | undefined;
    const begin = (raw: NetSocket, socket: NetSocket): void => {
      const times = { headTimeout: 60_000, keepAlive: 60_000, stallTimeout: 60_000 };
      connection = new HttpConnection(raw, false, () => new Response("hello"), times);
      raw.once("close", connection.gone.bind(connection));
      connection.begin(socket);
      arrived.ring();
    };
    const server = createServer({ allowHalfOpen: true }, (raw) => {
      raw.on("error", () => {});
      if (handshakes === undefined) return begin(raw, raw);
      handshakes.begin(raw, 60_000, (outcome) => !(outcome instanceof Error) && begin(raw, outcome));
    });
    await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const before = descriptors();
    for (const [when, moment] of Object.entries(MOMENTS)) {
      connection = undefined;
      const below = netConnect({ host: "127.0.0.1", port, allowHalfOpen: true });
      const client = handshakes ? tlsConnect({ socket: below, ca: authority.cert, servername: "localhost" }) : below;
      client.on("error", () => {}).resume();
      await arrived.until(() => connection !== undefined, "a connection");
      connection!.leave();
      await moment();
      connection!.drop();
      await within(connection!.over, `the end of a connection that is dropped ${when}`);
      client.destroy();
      below.destroy();
      await assertNoMoreDescriptors(before, when);
    }
    server.close();
  });
}
