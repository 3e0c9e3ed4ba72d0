import { test } from "node:test";
import { assertEquals, assertThrows } from "@std/assert";
import { mayConnect } from "../../src/websocket/may_connect.ts";
import { isOrigin } from "../../src/websocket/origin.ts";

/** What may connect to a listener on the network, and to one on loopback: origin, `Host`, and the answers. */
const OWN: readonly (readonly [string | undefined, string, boolean, boolean])[] = [
  // A program.
  [undefined, "mob.example:8080", true, true],
  [undefined, "", true, true],
  // A page of the same host, whatever its port and scheme.
  ["http://localhost:3000", "localhost:8080", true, true],
  ["http://localhost", "localhost", true, true],
  ["https://LOCALHOST", "LocalHost:8080", true, true],
  ["http://app.localhost:3000", "app.localhost:8080", true, true],
  ["http://127.0.0.1:3000", "127.0.0.1:8080", true, true],
  ["http://127.9.9.9", "127.9.9.9:8080", true, true],
  ["http://[::1]:3000", "[::1]:8080", true, true],
  ["http://[::1]", "[::1]", true, true],
  // A page of the host's own name: at a loopback listener it is one that was pointed here (DNS rebinding).
  ["https://mob.example", "mob.example", true, false],
  ["http://evil.example:8080", "evil.example:8080", true, false],
  ["http://192.168.0.7", "192.168.0.7:8080", true, false],
  ["http://[fd00::1]", "[fd00::1]:8080", true, false],
  ["http://localhost.evil.example", "localhost.evil.example:8080", true, false],
  ["http://notlocalhost", "notlocalhost:8080", true, false],
  ["http://127.0.0.1.evil.example", "127.0.0.1.evil.example:8080", true, false],
  ["http://0.0.0.0", "0.0.0.0:8080", true, false],
  ["http://localhost.", "localhost.:8080", true, false],
  // Another host.
  ["https://evil.example", "localhost:8080", false, false],
  ["https://evil.example", "mob.example", false, false],
  ["http://app.localhost", "localhost", false, false],
  ["http://localhost", "127.0.0.1:8080", false, false],
  ["http://mob.example.evil.example", "mob.example", false, false],
  ["http://evil.example", "", false, false],
  // No origin of a page, or garbled.
  ["null", "localhost:8080", false, false],
  ["", "localhost:8080", false, false],
  ["", "", false, false],
  ["null", "null", false, false],
  ["localhost", "localhost", false, false],
  ["file://", "localhost", false, false],
  ["http://localhost/", "localhost", false, false],
  ["http://user@localhost", "localhost", false, false],
  ["http://localhost http://evil.example", "localhost", false, false],
  ["http://localhost, http://evil.example", "localhost", false, false],
  ["http://localhost:99999", "localhost", false, false],
  ["http://localhost", "localhost/evil", false, false],
  ["http://localhost", "user@localhost", false, false],
  ["http://::1", "::1", false, false],
];

for (const [origin, host, onNetwork, onLoopback] of OWN) {
  test(`a page of ${origin} may${onNetwork ? "" : " not"}, on loopback may${onLoopback ? "" : " not"} connect to "${host}"`, () => {
    assertEquals(mayConnect(origin, host, { origins: [], loopback: false }), onNetwork);
    assertEquals(mayConnect(origin, host, { origins: [], loopback: true }), onLoopback);
    assertEquals(mayConnect(origin, host, { origins: ["*"], loopback: true }), true);
  });
}

/** Which origin is which of a list. */
const LISTED: readonly (readonly [string, string, boolean])[] = [
  ["https://app.example", "https://app.example", true],
  ["https://app.example", "https://app.example:443", true],
  ["https://app.example:443", "https://app.example", true],
  ["http://app.example:80", "http://app.example", true],
  ["https://App.Example", "https://app.example", true],
  ["http://app.example", "https://app.example", false],
  ["https://app.example", "http://app.example", false],
  ["https://app.example:8443", "https://app.example", false],
  ["https://app.example", "https://app.example:8443", false],
  ["https://app.example:8443", "https://app.example:8443", true],
  ["http://app.example:8443", "https://app.example:8443", false],
  ["https://x.app.example", "https://app.example", false],
  ["https://app.example.evil.example", "https://app.example", false],
  ["https://app", "https://app.example", false],
  ["chrome-extension://abcdef", "chrome-extension://abcdef", true],
  ["null", "https://app.example", false],
];

for (const [origin, listed, expected] of LISTED) {
  test(`a page of ${origin} is ${expected ? "" : "not "}the listed ${listed}`, () => {
    for (const loopback of [false, true]) {
      const origins = ["https://first.example", listed];
      assertEquals(mayConnect(origin, "mob.other:8080", { origins, loopback }), expected);
    }
  });
}

test("a list does not take from the pages of the same host", () => {
  assertEquals(mayConnect("http://localhost", "localhost", { origins: ["https://app.example"], loopback: true }), true);
});

test("isOrigin checks a list of origins, and suggests the one that was meant", () => {
  isOrigin("origins", []);
  isOrigin("origins", ["*", "https://app.example", "http://localhost:3000", "http://[::1]:3000", "app://local"]);
  assertThrows(() => isOrigin("origins", "https://app.example"), TypeError, "it is a list of origins");
  for (const wrong of ["app.example", "null", "", "https://", "https://a b", "https://app.example:70000", 7, null]) {
    assertThrows(() => isOrigin("origins", [wrong]), TypeError, "an origin is a scheme, a host and a port");
  }
  assertThrows(() => isOrigin("origins", ["https://app.example/chat"]), TypeError, "did you mean https://app.example");
});
