/** `Deno.upgradeWebSocket`, and the loop that a person would write: each message is sent to each client when it comes. */

/** A connection; a message that is no text comes as an ArrayBuffer. */
interface Client {
  readonly readyState: number;
  binaryType: string;
  onopen: () => void;
  onclose: () => void;
  onmessage: (event: { data: ArrayBuffer }) => void;
  send(data: ArrayBuffer): void;
}

/** The part of Deno's API that is used. */
interface Api {
  readonly args: readonly string[];
  serve(options: { hostname: string; port: number }, handler: (request: Request) => Response): unknown;
  upgradeWebSocket(request: Request, options: { idleTimeout: number }): { socket: Client; response: Response };
}

const { Deno } = globalThis as unknown as { Deno: Api };
const OPEN = 1;
const clients: Set<Client> = new Set();

Deno.serve({ hostname: "127.0.0.1", port: Number(Deno.args[0] ?? 0) }, (request) => {
  if (request.headers.get("upgrade") !== "websocket") return new Response(null, { status: 426 });
  const { socket, response } = Deno.upgradeWebSocket(request, { idleTimeout: 0 });
  socket.binaryType = "arraybuffer";
  socket.onopen = () => clients.add(socket);
  socket.onclose = () => clients.delete(socket);
  socket.onmessage = ({ data }) => {
    for (const client of clients) if (client.readyState === OPEN) client.send(data);
  };
  return response;
});
