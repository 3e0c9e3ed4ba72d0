/** A status whose answers a test decides. */

import { createServer, type Server, type ServerResponse } from "node:http";
import type { ConnectionList, StatusReport } from "../../src/status/report.ts";
import { freePort } from "./free_port.ts";

/** A server that answers as a status does. */
export class ScriptedStatus implements AsyncDisposable {
  /** What it answers. */
  report: StatusReport;
  list: ConnectionList;
  /** The paths that were asked for. */
  readonly asked: string[] = [];
  readonly #server: Server;
  readonly #live: Set<ServerResponse> = new Set();
  #port = 0;

  constructor(report: StatusReport, list: ConnectionList) {
    this.report = report;
    this.list = list;
    this.#server = createServer((request, response) => {
      const path = request.url!;
      this.asked.push(path);
      if (path === "/live") {
        response.writeHead(200, { "content-type": "text/event-stream" });
        this.#live.add(response);
        response.on("close", () => this.#live.delete(response));
        return this.#send(response);
      }
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify(path === "/stats" ? this.report : this.#page(path)));
    });
  }

  /** Its URL. */
  get url(): string {
    return `http://127.0.0.1:${this.#port}/`;
  }

  /** Opens it, again at the same port. */
  async open(): Promise<this> {
    this.#port ||= await freePort();
    await new Promise<void>((resolve) => this.#server.listen(this.#port, "127.0.0.1", resolve));
    return this;
  }

  /** Another second has passed: everybody gets the report anew, with what has changed in it. */
  tick(changes: Partial<StatusReport> = {}): void {
    const now = this.report.now + 1000;
    this.report = { ...this.report, ...changes, now };
    this.list = { ...this.list, now };
    for (const response of this.#live) this.#send(response);
  }

  /** Ends it, with all connections. */
  async close(): Promise<void> {
    if (!this.#server.listening) return;
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #send(response: ServerResponse): void {
    response.write(`data: ${JSON.stringify(this.report)}\n\n`);
  }

  #page(path: string): ConnectionList {
    const query = new URL(path, "http://h").searchParams;
    const [offset, limit] = [Number(query.get("offset")), Number(query.get("limit"))];
    return { ...this.list, connections: this.list.connections.slice(offset, offset + limit) };
  }
}
