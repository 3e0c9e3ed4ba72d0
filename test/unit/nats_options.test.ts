/** What natsRelay takes, and what the client library gets of it: checked before anything is loaded. */

import { test } from "node:test";
import { assert, assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { checkNatsOptions, checkServers, connectionOptions, type NatsOptions } from "../../adapters/nats/options.ts";
import { loadNats, type NatsLibrary } from "../../adapters/nats/library.ts";
import { checkStream, newStream, type StreamShape } from "../../adapters/nats/terms.ts";
import { natsRelay } from "../../nats.ts";

test("options are checked by name, secrets are not shown, and undefined is the default", async () => {
  const wrong: [unknown, string][] = [
    [undefined, "Cannot use name undefined: it is 1 to 64 letters, digits, - and _"],
    [{ name: "a.b" }, 'Cannot use name "a.b": it is 1 to 64 letters, digits, - and _'],
    [{ name: "" }, 'Cannot use name "": it is 1 to 64 letters, digits, - and _'],
    [{ name: "r", storage: "disk" }, 'Cannot use storage "disk": it is one of memory, file'],
    [{ name: "r", replicas: 6 }, "Cannot use replicas 6: it is a whole number of servers from 1 to 5"],
    [{ name: "r", keep: 1000 }, "Cannot use keep 1000: it is a whole number of bytes from 4194304 to 9007199254740991"],
    [
      { name: "r", tokem: "x" },
      "Cannot use option tokem: there is none of that name in natsRelay, did you mean token?",
    ],
    [{ name: "r", token: 5 }, "Cannot use token: it is text, not number"],
    [{ name: "r", token: "s3cret", nkey: "s3cret" }, "Cannot use options token and nkey: a server takes one of them"],
    [{ name: "r", password: "s3cret" }, "Cannot use option password: it is that of a user, and there is none"],
    [
      { name: "r", tls: { cert: "s3cret" } },
      "Cannot use option tls: a certificate has a key: it has cert and key, or neither",
    ],
    [{ name: "r", tls: { caFile: "x" } }, "Cannot use option tls.caFile: there is none of that name in tls"],
    [7, "Cannot use 7 as the options of natsRelay: they are an object"],
  ];
  for (const [options, message] of wrong) {
    const error = await assertRejects(() => natsRelay("nats://127.0.0.1:1", options as NatsOptions), Error);
    assertStringIncludes((error as Error).message, message);
    assert(!(error as Error).message.includes("s3cret"));
  }
  const all = {
    token: undefined,
    user: undefined,
    password: undefined,
    nkey: undefined,
    creds: undefined,
    tls: undefined,
  };
  assertEquals(checkNatsOptions({ name: "a-B_9", ...all, storage: undefined, replicas: undefined, keep: undefined }), {
    name: "a-B_9",
  });
});

test("servers are URLs, one or more, without secrets in them", async () => {
  for (
    const good of ["nats://a", "nats://127.0.0.1:4222", "tls://host.example:443", "nats://[::1]:4222/", "nats://a_b"]
  ) {
    assertEquals(checkServers(good), [good]);
  }
  assertEquals(checkServers(["nats://a", "tls://b"]), ["nats://a", "tls://b"]);
  for (
    const bad of [
      [],
      "",
      "a:4222",
      "http://a",
      "nats://",
      "nats://a:0",
      "nats://a:65536",
      "nats://a/room",
      "nats://a?b",
      5,
      null,
      [5],
    ]
  ) {
    await assertRejects(() => natsRelay(bad as string, { name: "r" }), TypeError, "Cannot use server");
  }
  const error = assertThrows(() => checkServers("nats://me:s3cret@a"), TypeError);
  assertEquals(error.message, "Cannot use a server's URL with a user in it: user and password, or token, are options");
});

test("credentials are a JWT and a seed between lines of dashes, and never shown", () => {
  const block = (text: string): string => `-----BEGIN X-----\n${text}\n------END X------\n`;
  const creds = `${block("eyJ0.eyJ1.s-_2")}\n**** a remark ****\n${block("SUAM2")}`;
  for (const good of [creds, creds.replaceAll("\n", "\r\n")]) {
    assertEquals(checkNatsOptions({ name: "r", creds: good }).creds, good);
  }
  for (const bad of ["", "secret", block("secret"), creds.replace("SUAM2", "SUA M2"), creds.replaceAll("-", "")]) {
    const error = assertThrows(() => checkNatsOptions({ name: "r", creds: bad }), TypeError);
    assert(/^Cannot use (option )?creds: it is/.test(error.message), error.message);
    assert(!/secret|eyJ|SUA/.test(error.message), error.message);
  }
});

test("the client library gets credentials and certificates, and never gives up", async () => {
  const library = await loadNats();
  const of = (options: Partial<NatsOptions>, servers = ["nats://a:1", "nats://b/"]) =>
    connectionOptions(library, servers, { name: "r", ...options });
  const plain = of({});
  assertEquals([plain.servers, plain.tls, plain.authenticator], [["nats://a:1", "nats://b"], undefined, undefined]);
  assertEquals([plain.maxReconnectAttempts, plain.ignoreAuthErrorAbort, plain.name], [-1, true, "mobcast r"]);
  assertEquals(of({}, ["nats://a", "tls://b:2"]).tls, {});
  assertEquals(of({}, ["tls://b:2"]).servers, ["nats://b:2"]);
  assertEquals(of({ tls: { ca: "CA", cert: "C", key: "K" } }).tls, { ca: "CA", cert: "C", key: "K" });
  type Authenticator = (nonce?: string) => object;
  assertEquals((of({ token: "t" }).authenticator as Authenticator)(), { auth_token: "t" });
  assertEquals((of({ user: "u", password: "p" }).authenticator as Authenticator)(), { user: "u", pass: "p" });
  const made: string[] = [];
  const recording = (kind: string) => (seed: Uint8Array) => {
    made.push(`${kind} ${new TextDecoder().decode(seed)}`);
    return () => ({});
  };
  const fake = {
    ...library,
    nkeyAuthenticator: recording("nkey"),
    credsAuthenticator: recording("creds"),
  } as NatsLibrary;
  connectionOptions(fake, ["nats://a"], { name: "r", nkey: "SUA\n" });
  connectionOptions(fake, ["nats://a"], { name: "r", creds: "JWT" });
  assertEquals(made, ["nkey SUA", "creds JWT"]);
});

test("a stream is made as it is asked for, and one that does not fit is refused by what does not", () => {
  const terms = { framing: "u64", maxFrame: 1000 };
  const made = newStream({ name: "r" }, terms);
  assertEquals([made.name, made.subjects, made.storage, made.num_replicas, made.max_bytes], [
    "mobcast_r",
    ["mobcast.r"],
    "memory",
    1,
    2 ** 26,
  ]);
  const asked = { name: "r", storage: "file", replicas: 3, keep: 2 ** 30 } as const;
  const other = newStream(asked, terms);
  assertEquals([other.storage, other.num_replicas, other.max_bytes], ["file", 3, 2 ** 30]);
  checkStream(made, { name: "r" }, terms);
  // What is not asked for may be anything.
  checkStream(other, { name: "r" }, terms);
  checkStream(other, asked, terms);
  const wrong: [Partial<StreamShape>, NatsOptions, string][] = [
    [{}, { name: "r", storage: "file" }, "has storage memory, and this mob asks for file"],
    [{}, { name: "r", replicas: 3 }, "has 1 replicas, and this mob asks for 3"],
    [{}, { name: "r", keep: 2 ** 23 }, "has 67108864 bytes to keep, and this mob asks for 8388608"],
    [
      { description: "orders" },
      { name: "r" },
      'has the description "orders", and this mob uses streams that a mob has made',
    ],
    [
      { description: undefined! },
      { name: "r" },
      'has the description "", and this mob uses streams that a mob has made',
    ],
    [
      newStream({ name: "r" }, { framing: "line", maxFrame: 1000 }),
      { name: "r" },
      "has framing line, and this mob has u64",
    ],
    [
      newStream({ name: "r" }, { framing: "u64", maxFrame: 99 }),
      { name: "r" },
      "has maxFrame 99, and this mob has 1000",
    ],
    [
      newStream({ name: "r" }, { framing: "u64", maxFrame: 5000 }),
      { name: "r" },
      "has maxFrame 5000, and this mob has 1000",
    ],
    [{ subjects: ["mobcast.>"] }, { name: "r" }, "has the subjects mobcast.>, and this mob needs mobcast.r alone"],
    [
      { subjects: ["mobcast.r", "x"] },
      { name: "r" },
      "has the subjects mobcast.r, x, and this mob needs mobcast.r alone",
    ],
    [{ retention: "workqueue" }, { name: "r" }, "has retention workqueue, and this mob needs limits"],
    [{ discard: "new" }, { name: "r" }, "has discard new, and this mob needs old"],
    [{ no_ack: true }, { name: "r" }, "has no acknowledgements (no_ack), and this mob needs them"],
    [{ sealed: true }, { name: "r" }, "has been sealed, and this mob appends to it"],
    [{ mirror: {} }, { name: "r" }, "has another stream as its source, and this mob needs one of its own"],
    [{ sources: [{}] }, { name: "r" }, "has another stream as its source, and this mob needs one of its own"],
  ];
  for (const [config, options, message] of wrong) {
    const error = assertThrows(() => checkStream({ ...made, ...config }, options, terms), Error);
    assertEquals(error.message, `Cannot join bus r: its stream mobcast_r ${message}`);
  }
});
