/**
 * A client over TLS of another program, on Node: it resumes sessions and renegotiates, which the clients of Bun and Deno
 * do not. Reads lists of orders from standard input, each as a line of JSON, and writes what it saw as such a line. Before an
 * order that waits it says so, and goes on at the next line.
 */

import { connect } from "node:tls";
import process from "node:process";
import { createInterface } from "node:readline";

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

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

for (let line = await lines.next(); !line.done; line = await lines.next()) {
  const [first, ...others] = JSON.parse(line.value);
  const seen = [await come(first)];
  const { session } = seen[0];
  for (const { waits = false, ...other } of others) {
    if (waits) {
      console.log("waiting");
      await lines.next();
    }
    seen.push(await come({ session, ...other }));
  }
  console.log(
    JSON.stringify(seen.map(({ session, ...what }) => ({ ...what, session: session !== undefined }))),
  );
}
