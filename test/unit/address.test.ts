import { test } from "node:test";
import { assertEquals, assertThrows } from "@std/assert";
import { formatAddress, parseAddress } from "../../src/contract/address.ts";

test("parseAddress reads what people write, and formatAddress writes it back", () => {
  for (
    const [url, host, port] of [
      ["tcp://127.0.0.1:8000", "127.0.0.1", 8000],
      ["tcp://[::1]:0", "::1", 0],
      ["tcp://localhost:65535", "localhost", 65535],
      ["tcp://some-host.example:1", "some-host.example", 1],
      ["tcp://[fe80::1%eth0]:9", "fe80::1%eth0", 9],
    ] as const
  ) {
    assertEquals(parseAddress(url), { transport: "tcp", host, port });
    assertEquals(formatAddress(parseAddress(url)), url);
  }
  for (
    const [url, path] of [
      ["unix:///run/mobcast.sock", "/run/mobcast.sock"],
      ["unix:here/mob.sock", "here/mob.sock"],
      ["unix:@abstract", "@abstract"],
    ] as const
  ) {
    assertEquals(parseAddress(url), { transport: "unix", path });
    assertEquals(formatAddress(parseAddress(url)), url);
  }
  assertEquals(parseAddress("tls://[::1]:9"), { transport: "tls", host: "::1", port: 9 });
  assertEquals(parseAddress("unix:/run/mobcast.sock"), { transport: "unix", path: "/run/mobcast.sock" });
  assertEquals(parseAddress("tcp://[fe80::1%25eth0]:9"), { transport: "tcp", host: "fe80::1%eth0", port: 9 });
  assertEquals(parseAddress("tcp://[fe80::1%251]:9"), { transport: "tcp", host: "fe80::1%251", port: 9 });
  assertEquals(parseAddress(new URL("tls://[::1]:9")), { transport: "tls", host: "::1", port: 9 });
  assertEquals(parseAddress("TCP://localhost/"), { transport: "tcp", host: "localhost", port: 8000 });
});

test("parseAddress refuses everything else, naming it and a way forward", () => {
  for (
    const [url, reason] of [
      ["", "a URL looks like tcp://127.0.0.1:8000"],
      ["jion", "a URL looks like"],
      ["127.0.0.1:9000", "did you mean tcp://127.0.0.1:9000"],
      ["[::1]:9000", "did you mean tcp://[::1]:9000"],
      ["http://localhost:80", '"http:" is not supported'],
      ["tcp://", "it names no host"],
      ["tcp://:80", "it names no host"],
      ["tcp://h:65536", "a port is a number from 0 to 65535"],
      ["tcp://h:99999999999999999999", "a port is a number"],
      ["tcp://h:-1", "a URL looks like"],
      ["tcp://h:0x50", "a URL looks like"],
      ["tcp://h: 80 ", "a URL looks like"],
      ["tcp://h:80.5", "a URL looks like"],
      ["tcp://h:1e3", "a URL looks like"],
      ["tcp://h:80/path", "a URL looks like"],
      ["tcp://user@h:80", "a URL looks like"],
      ["tcp://[::1:80", "a URL looks like"],
      ["tcp://[hello]:80", "no host name and no IP address"],
      ["tcp://a\0b:80", "no host name"],
      ["tcp://a b:80", "no host name"],
      ["unix:", "a Unix socket looks like"],
      ["unix:@", "a Unix socket looks like"],
      ["unix://host/path", "a Unix socket looks like"],
      ["unix:a\0b", "a Unix socket looks like"],
      [`unix:/${"a".repeat(107)}`, "the path has 108 bytes"],
    ] as const
  ) {
    assertThrows(() => parseAddress(url), TypeError, reason);
    assertThrows(() => parseAddress(url), TypeError, JSON.stringify(url));
  }
});
