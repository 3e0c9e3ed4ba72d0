/**
 * Chat in an HTTP server: browsers read a stream of server-sent events and post what they say; people with `nc` are in the
 * same room over TCP. One mob joins them all.
 *
 * In a clone: `deno run --allow-net examples/http_chat.ts`, `bun examples/http_chat.ts`, or after `npm install`:
 * `node examples/http_chat.ts` (Node 22.18 and later) or `node --import tsx examples/http_chat.ts`.
 * In your own project: copy this file, `npm install mobcast`, and run it the same way (Node 20: `npm install tsx` as well).
 * Open http://127.0.0.1:8080, and `nc 127.0.0.1 8000` (`http_chat.ts 3000 9000`: other ports). It has no access control.
 */

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import process from "node:process";
import { pipeline } from "node:stream/promises";
import { serve } from "mobcast";

const [httpPort = "8080", tcpPort = "8000"] = process.argv.slice(2);
const mob = await serve({ listen: `tcp://127.0.0.1:${tcpPort}?framing=line`, framing: "line", maxFrame: 2000 });

const PAGE = `<!doctype html><title>mob</title><ul id=log></ul><form><input name=text autofocus></form><script>
  new EventSource("/events").onmessage = ({ data }) => log.append(Object.assign(document.createElement("li"), { textContent: data }));
  document.forms[0].onsubmit = ({ target }) => {
    fetch("/say", { method: "POST", body: target.text.value }).then(() => target.reset());
    return false;
  };
</script>`;

/** Each browser is a member of the mob: when it reads too slowly it falls behind, and the slow-consumer policy applies. */
async function stream(response: ServerResponse): Promise<void> {
  const member = mob.join();
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" }).flushHeaders();
  const events = async function* (texts: AsyncIterable<string>): AsyncGenerator<string> {
    for await (const text of texts) yield `data: ${oneLine(text)}\n\n`;
  };
  await pipeline(member.text(), events, response).finally(() => member.close());
}

async function say(request: IncomingMessage, response: ServerResponse): Promise<void> {
  let text = "";
  for await (const chunk of request.setEncoding("utf8")) {
    if ((text += chunk).length > 500) return void response.destroy();
  }
  mob.publish(oneLine(text));
  response.writeHead(204).end();
}

const oneLine = (text: string): string => text.replaceAll(/\s+/g, " ").trim();

const server = createServer((request, response) => {
  const route = `${request.method} ${request.url}`;
  const failed = (): void => void response.destroy();
  if (route === "GET /") response.writeHead(200, { "content-type": "text/html; charset=utf-8" }).end(PAGE);
  else if (route === "GET /events") stream(response).catch(failed);
  else if (route === "POST /say") say(request, response).catch(failed);
  else response.writeHead(404).end();
}).listen(Number(httpPort), "127.0.0.1");
await once(server, "listening");
console.log(`chat at http://127.0.0.1:${(server.address() as AddressInfo).port} and ${mob.urls[0]}`);
