// A server of the package `ws`, which is not ours, as far as a client of `mobcast.u64` sees a mob: what one client sends
// goes to all of them, in binary messages cut anywhere. Prints its port. A script for Node, whatever the tests run on.
// node test/helpers/websocket_echo.mjs [CERT KEY]

import { readFileSync } from "node:fs";
import { Buffer } from "node:buffer";
import { createServer } from "node:http";
import { createServer as createSecureServer } from "node:https";
import { createRequire } from "node:module";
import process from "node:process";

// `deno check` resolves imports by an import map that has none of it.
const { WebSocketServer } = createRequire(import.meta.url)("ws");

const [cert, key] = process.argv.slice(2);
const http = cert === undefined
  ? createServer()
  : createSecureServer({ cert: readFileSync(cert), key: readFileSync(key) });
const server = new WebSocketServer({
  server: http,
  handleProtocols: (protocols, { url }) => url !== "/plain" && protocols.has("mobcast.u64") && "mobcast.u64",
  verifyClient: ({ req }) => req.url !== "/403",
});

/** What the path of a client asks for. */
const ACTIONS = {
  "/text": (client) => client.send("text"),
  "/reset": (client) => client.terminate(),
  "/deaf": (client) => client.pause(),
  "/flood": (client) => {
    const frame = Buffer.alloc(65_535);
    frame.writeUInt32BE(frame.length - 8, 4);
    const flood = () => client.readyState === 1 && client.send(frame, flood);
    flood();
  },
};

server.on("connection", (client, { url }) => {
  client.on("error", () => {});
  const close = /^\/close\/(\d+)\/(.*)$/.exec(url);
  if (close !== null) client.close(Number(close[1]), decodeURIComponent(close[2]));
  ACTIONS[url]?.(client);
  client.on("message", (bytes) => {
    const cut = bytes.length >> 1;
    for (const each of server.clients) {
      if (cut > 0) each.send(bytes.subarray(0, cut));
      each.send(bytes.subarray(cut));
    }
  });
});
http.listen(0, "127.0.0.1", () => console.log(`listening on ${http.address().port}`));
