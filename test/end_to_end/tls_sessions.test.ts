/** Sessions over TLS: what a client of another program resumes, at listeners of the runtime at hand, and what it may not. */

import { after, before, test } from "node:test";
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { assert, assertEquals } from "@std/assert";
import { runtimeAdapter } from "../../adapters/runtime.ts";
import { listenOverTls } from "../../adapters/tls/tls.ts";
import type { ListeningSocket, Registry, Socket } from "../../src/contract/adapter.ts";
import type { NetworkAddress } from "../../src/contract/address.ts";
import { serve } from "../../mod.ts";
import type { ServerTls } from "../../src/contract/tls.ts";
import { connect } from "../../mod.ts";
import { makeAuthority, type Pair } from "../helpers/certificates.ts";
import { Recorder } from "../helpers/recording_registry.ts";
import { Bell, within } from "../helpers/wait.ts";

const adapter = await runtimeAdapter();
const authority = await makeAuthority("an authority");
const other = await makeAuthority("another authority");
const server = await authority.issue();
const mine = await authority.issue({ usage: "client" });
const theirs = await other.issue({ usage: "client" });
const { cert: ca } = authority;
const LIMITED = { timeout: 60_000 };
const VERSIONS = ["TLSv1.3", "TLSv1.2"] as const;

/** What the client saw of one connection. */
interface Seen {
  readonly received: boolean;
  readonly reused: boolean;
  readonly session: boolean;
  readonly renegotiated?: boolean;
}

/** Sends the client, once for each order: those after the first come with the session of the first. */
function send(...orders: readonly object[]): Promise<Seen[]> {
  return sendAround(() => Promise.resolve(), ...orders);
}

/** The client: one process for all tests, since to start one takes longer than to ask it. */
let child: ChildProcess;
let said: AsyncIterator<string>;
before(() => {
  child = spawn("node", [fileURLToPath(new URL("../helpers/tls_client.mjs", import.meta.url))], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  said = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
});
after(() => void child.stdin!.end());

/** The same; an order that waits comes after `meanwhile`. */
async function sendAround(meanwhile: () => Promise<void>, ...orders: readonly object[]): Promise<Seen[]> {
  child.stdin!.write(`${JSON.stringify(orders.map((order) => ({ ca, ...order })))}\n`);
  for (;;) {
    const { value, done } = await within(said.next(), "the client over TLS", 30_000);
    if (done) throw new Error("the client over TLS has ended");
    if (value !== "waiting") return JSON.parse(value) as Seen[];
    await meanwhile();
    child.stdin!.write("go on\n");
  }
}

/** A listener that sends a byte to every connection it accepts. */
class Greeter extends Recorder implements Registry {
  override accept(socket: Socket): ReturnType<Recorder["accept"]> {
    const token = super.accept(socket);
    // The tick after: nothing is written before `accept` has returned.
    setTimeout(() => socket.write(new Uint8Array([1])), 0);
    return token;
  }
}

interface Listener extends AsyncDisposable {
  readonly registry: Greeter;
  readonly listener: ListeningSocket;
  readonly port: number;
}

async function open(tls: ServerTls): Promise<Listener> {
  const registry = new Greeter(new Bell());
  const listener = await listenOverTls({ transport: "tls", host: "127.0.0.1", port: 0 }, registry, { tls });
  return {
    registry,
    listener,
    port: (listener.address as NetworkAddress).port,
    async [Symbol.asyncDispose]() {
      for (const link of registry.links) link.close();
      await listener.close();
    },
  };
}

for (const version of VERSIONS) {
  const from = (listener: Listener, pair: Partial<Pair> = {}): object => ({ port: listener.port, version, ...pair });

  test(`sessions, ${version}: a session of a listener with another authority is refused`, LIMITED, async () => {
    await using there = await open({ ...server, ca: other.cert });
    await using here = await open({ ...server, ca });
    const [first, second, third] = await send(from(there, theirs), from(here, theirs), from(here));
    assertEquals([first!.received, first!.session], [true, true]);
    assertEquals([second!.received, third!.received], [false, false]);
  });

  test(
    `sessions, ${version}: a session of a listener without an authority is refused by one with an authority`,
    LIMITED,
    async () => {
      await using there = await open(server);
      await using here = await open({ ...server, ca });
      for (const pair of [{}, theirs]) {
        const [first, second, third] = await send(from(there, pair), from(here, pair), from(here));
        assertEquals([first!.received, first!.session], [true, true]);
        assertEquals([second!.received, third!.received], [false, false]);
      }
    },
  );

  test(`sessions, ${version}: a session from before a reload to another authority is refused`, LIMITED, async () => {
    await using listener = await open({ ...server, ca: other.cert });
    const again = { ...from(listener, theirs), waits: true };
    const reload = (): Promise<void> => listener.listener.reload!({ ...server, ca });
    const [first, second] = await sendAround(reload, from(listener, theirs), again);
    assertEquals([first!.received, first!.session, second!.received], [true, true, false]);
    const [after] = await send(from(listener, mine));
    assertEquals(after!.received, true);
  });

  // Deno has one store of sessions for the process (https://github.com/denoland/deno/pull/34630), and neither `ticketKeys`,
  // `sessionIdContext`, `sessionTimeout` nor SSL_OP_NO_TICKET changes that. Without `ca` it lets no client in that would be
  // kept out without a session; with `ca` no session is taken.
  const elsewhere = adapter.name === "deno";

  test(
    `sessions, ${version}: without an authority, too, none counts at another listener or after a new certificate, but on Deno`,
    LIMITED,
    async () => {
      await using one = await open(server);
      await using two = await open(await authority.issue());
      const [, there] = await send(from(one), from(two));
      assertEquals([there!.received, there!.reused], [true, elsewhere]);
      const reload = async (): Promise<void> => one.listener.reload!(await authority.issue());
      const [first, second] = await sendAround(reload, from(one), { ...from(one), waits: true });
      assertEquals([first!.session, second!.received, second!.reused], [true, true, elsewhere]);
    },
  );

  test(
    `sessions, ${version}: after a new certificate a session is nothing without a certificate of the authority`,
    LIMITED,
    async () => {
      await using listener = await open({ ...server, ca });
      const own = from(listener, mine);
      const reload = async (): Promise<void> => listener.listener.reload!({ ...(await authority.issue()), ca });
      const [first, without, again] = await sendAround(reload, own, { ...from(listener), waits: true }, own);
      assertEquals([first!.received, first!.session, without!.received], [true, true, false]);
      // On Deno it is resumed, and therefore refused.
      assertEquals([again!.received, again!.reused], elsewhere ? [false, true] : [true, false]);
    },
  );

  test(
    `sessions, ${version}: the name that a client asks for lets no session of another listener in`,
    LIMITED,
    async () => {
      await using there = await open(server);
      await using here = await open({ ...server, ca });
      const named = { servername: "another.example", rejectUnauthorized: false };
      const [first, ...others] = await send(
        from(there, mine),
        { ...from(here), ...named },
        { ...from(here, theirs), ...named },
        from(here),
      );
      assertEquals([first!.received, ...others.map(({ received }) => received)], [true, false, false, false]);
      const [own, renamed] = await send(from(here, mine), { ...from(here), ...named });
      // It is the listener's own session, or none.
      assertEquals([own!.received, renamed!.received], [true, renamed!.reused && !elsewhere]);
    },
  );

  test(
    `sessions, ${version}: one of a listener does not get in at another of the same mob with another authority`,
    LIMITED,
    async () => {
      await using mob = await serve({
        listen: "tls://127.0.0.1:0",
        tls: { ...server, ca },
        onJoin: () => void speaker.send("welcome"),
      });
      const speaker = mob.join({ receive: false });
      const guests = await mob.listen("tls://127.0.0.1:0", { tls: { ...server, ca: other.cert } });
      const [here, there] = [mob.urls[0]!, guests].map((url) => ({ port: Number(new URL(url).port), version }));
      const [first, second, third] = await send({ ...there, ...theirs }, { ...here, ...theirs }, here!);
      assertEquals([first!.received, first!.session], [true, true]);
      assertEquals([second!.received, third!.received], [false, false]);
      const [back, foreign] = await send({ ...here, ...mine }, { ...there, ...mine });
      assertEquals([back!.received, foreign!.received], [true, false]);
    },
  );

  test(
    `sessions, ${version}: a listener resumes its own, but on Deno where it needs a certificate`,
    LIMITED,
    async () => {
      await using open_ = await open(server);
      await using closed = await open({ ...server, ca });
      const [, anybody] = await send(from(open_), from(open_));
      assertEquals([anybody!.received, anybody!.reused], [true, true]);
      const [first, again] = await send(from(closed, mine), from(closed, mine));
      assertEquals([first!.received, again!.received], adapter.name === "deno" ? [true, false] : [true, true]);
      if (adapter.name !== "deno") assert(again!.reused, "a legitimate session was not resumed");
      // A client without a session is accepted, and our own clients never have one.
      const [anew] = await send(from(closed, mine));
      assertEquals(anew!.received, true);
    },
  );
}

test("sessions: our own client joins again and again where a certificate is needed", LIMITED, async () => {
  await using mob = await serve({ listen: "tls://127.0.0.1:0", tls: { ...server, ca } });
  for (let round = 0; round < 3; round++) {
    await using client = await connect(mob.urls[0]!, { tls: { ca, ...mine } });
    await client.send(new Uint8Array([round]));
    for await (const message of client) {
      assertEquals([...message], [round]);
      break;
    }
  }
});

test("a client cannot renegotiate", LIMITED, async () => {
  await using listener = await open(server);
  const [seen] = await send({ port: listener.port, version: "TLSv1.2", renegotiate: true });
  assertEquals([seen!.received, seen!.renegotiated], [true, false]);
});

test("every listener over TLS is reloaded, not only the first", LIMITED, async () => {
  const next = await other.issue();
  let tls: ServerTls = server;
  const anywhere = "tls://127.0.0.1:0";
  await using mob = await serve({ listen: [anywhere, anywhere, anywhere], tls: () => tls });
  tls = next;
  await mob.reload();
  for (const url of mob.urls) {
    await using client = await connect(url, { tls: { ca: other.cert } });
    assertEquals(client.state, "open");
  }
});
