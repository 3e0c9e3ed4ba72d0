/** Options that are `undefined`: each has its default, for programs that hand on what they were not given. */

import { test } from "node:test";
import { assertEquals } from "@std/assert";
import { memoryAdapter, type MemoryOptions } from "../../adapters/memory.ts";
import { FrameDecoder } from "../../core.ts";
import { connect, serve } from "../../mod.ts";
import type { ClientCloseOptions, SendOptions } from "../../src/client/client_options.ts";
import type { ConnectOptions } from "../../src/client/connect.ts";
import type { ReconnectOptions } from "../../src/client/reconnect_options.ts";
import type { CloseOptions, ListenerOptions } from "../../src/server/mob_options.ts";
import { resolveOptions } from "../../src/server/options.ts";
import type { ServeOptions } from "../../src/server/serve.ts";

/** Every option, so that a new one has to be written here. */
type All<Options> = { [Name in keyof Options]-?: undefined };

const MEMORY: All<MemoryOptions> = { capacity: undefined, seed: undefined, faults: undefined, manual: undefined };

const LISTENER: All<ListenerOptions> = {
  tls: undefined,
  unixMode: undefined,
  framing: undefined,
  allow: undefined,
  deny: undefined,
  origins: undefined,
  secret: undefined,
  resume: undefined,
};

const SERVE: All<ServeOptions> = {
  ...LISTENER,
  listen: undefined,
  signal: undefined,
  status: undefined,
  adapter: undefined,
  relay: undefined,
  onGap: undefined,
  slowConsumer: undefined,
  echo: undefined,
  maxConnections: undefined,
  maxConnectionsPerAddress: undefined,
  maxFrame: undefined,
  maxReceiveMemory: undefined,
  maxLag: undefined,
  history: undefined,
  stallTimeout: undefined,
  frameTimeout: undefined,
  idleTimeout: undefined,
  maxFrameRate: undefined,
  maxByteRate: undefined,
  drainTimeout: undefined,
  pingInterval: undefined,
  authorize: undefined,
  onJoin: undefined,
  onMessage: undefined,
  onLeave: undefined,
};

const RECONNECT: All<ReconnectOptions> = {
  minDelay: undefined,
  maxDelay: undefined,
  maxAttempts: undefined,
  stableAfter: undefined,
  random: undefined,
  retryInitial: undefined,
  onGap: undefined,
  onChange: undefined,
};

const CONNECT: Omit<All<ConnectOptions>, "reconnect"> = {
  framing: undefined,
  maxFrame: undefined,
  receive: undefined,
  signal: undefined,
  secret: undefined,
  ping: undefined,
  resume: undefined,
  closeTimeout: undefined,
  connectTimeout: undefined,
  tls: undefined,
  adapter: undefined,
};

const SEND: All<SendOptions> = { signal: undefined };
const CLIENT_CLOSE: All<ClientCloseOptions> = { timeout: undefined };
const CLOSE: All<CloseOptions> = { drain: undefined };

test("every option may be undefined, and has its default then", async () => {
  const adapter = memoryAdapter(MEMORY);
  const mob = await serve({ ...SERVE, listen: "tcp://127.0.0.1:0", adapter });
  assertEquals(mob.options, resolveOptions({}));
  const url = await mob.listen("tcp://127.0.0.1:0", LISTENER);
  for (const reconnect of [undefined, RECONNECT]) {
    const client = await connect(url, { ...CONNECT, adapter, reconnect });
    await client.send("hello", SEND);
    for await (const text of client.text()) {
      assertEquals(text, "hello");
      break;
    }
    assertEquals((await client.close(CLIENT_CLOSE)).reason, "closed");
  }
  const { framing: _framing, secret: _secret, ping: _ping, ...join } = CONNECT;
  const { connectTimeout: _timeout, tls: _tls, adapter: _adapter, ...local } = join;
  await mob.join(local).close(CLIENT_CLOSE);
  await mob.close(CLOSE);
  assertEquals(new FrameDecoder({ framing: undefined, maxFrame: undefined, ownsChunks: undefined }).pending, 0);
});
