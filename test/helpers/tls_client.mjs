/**
 * A client over TLS of another program, on Node: it resumes sessions and renegotiates, which the clients of Bun and Deno
 * do not. Reads its orders as JSON from its only argument, and writes what it saw as JSON. Before an order that waits it
 * says so, and goes on when it is written to.
 */

import { once } from "node:events";
import { connect } from "node:tls";
import process from "node:process";

/** Connects, and waits until something came or the connection ended. */
function come({ port, renegotiate, version, ...options }) {
  return new Promise((resolve) => {
    const socket = connect({
      host: "127.0.0.1",
      servername: "localhost",
      ...options,
      port,
      ...(version && { minVersion: version, maxVersion: version }),
    });
    let received = false;
    let reused = false;
    let session;
    const end = (renegotiated) => {
      resolve({ received, reused, session, renegotiated });
      socket.destroy();
    };
    socket.on("session", (newest) => session = newest);
    socket.on("secureConnect", () => reused = socket.isSessionReused());
    socket.on("error", () => {});
    socket.on("close", () => end(false));
    socket.on("data", () => {
      received = true;
      if (renegotiate) {
        socket.renegotiate({}, (error) => end(!error));
        // A server reports a refusal in a TLS alert, which OpenSSL does not pass on.
        setTimeout(() => end(false), 500);
      } // A ticket may come after the first bytes.
      else setTimeout(end, 50);
    });
  });
}

const [first, ...others] = JSON.parse(process.argv[2]);
const seen = [await come(first)];
const { session } = seen[0];
for (const { waits = false, ...other } of others) {
  if (waits) {
    console.log("waiting");
    await once(process.stdin, "data");
    process.stdin.pause();
  }
  seen.push(await come({ session, ...other }));
}
console.log(
  JSON.stringify(seen.map(({ session, ...what }) => ({ ...what, session: session !== undefined }))),
);
