/**
 * The client of a status: asks a server how it is, once or again and again.
 *
 * @module
 */

import { createParser } from "eventsource-parser";
import type { ClientTls } from "../contract/tls.ts";
import { describe } from "../errors.ts";
import { concatenate } from "../framing/receive_buffer.ts";
import type { ConnectionList, StatusReport } from "../status/report.ts";
import type { ConnectionSort } from "../status/stats.ts";
import { asList, asReport } from "./report_check.ts";
import { Failure, onAny, oneLine } from "./session.ts";
import type { StatusUrl } from "./status_url.ts";
import type { HttpAnswer, Terminal } from "./terminal.ts";

/** How long an answer may be silent, in milliseconds: a live one says something each second. */
export const SILENCE = 5000;

/** The most bytes of an answer, or of a message: a list has at most 1,000 connections. */
export const LARGEST: number = 4 * 1024 * 1024;

/** The most bytes of the reason for a refusal that are shown. */
const REASON = 200;

/** How a status is asked. */
export interface StatusClientOptions {
  /** The certificates for `https:`. */
  readonly tls: ClientTls | undefined;
  /** How long it may take until an answer begins, in milliseconds. */
  readonly connectTimeout: number;
  /** Ends everything that is under way. */
  readonly signal: AbortSignal;
}

/** Asks one status. All errors are a {@link Failure} that names its URL. */
export class StatusClient {
  readonly #terminal: Pick<Terminal, "get" | "after">;
  readonly #url: StatusUrl;
  readonly #options: StatusClientOptions;

  /** Makes a client; nothing is asked yet. */
  constructor(terminal: Pick<Terminal, "get" | "after">, url: StatusUrl, options: StatusClientOptions) {
    this.#terminal = terminal;
    this.#url = url;
    this.#options = options;
  }

  /** How the mob is, as text, which is JSON. */
  async text(): Promise<string> {
    const text = await this.#whole("/stats", "application/json");
    this.#json(text, asReport);
    return text;
  }

  /** How the mob is. */
  async report(): Promise<StatusReport> {
    return this.#json(await this.#whole("/stats", "application/json"), asReport);
  }

  /** Some of its connections. */
  async connections(sort: ConnectionSort, limit: number, offset: number): Promise<ConnectionList> {
    const path = `/connections?sort=${sort}&limit=${limit}&offset=${offset}`;
    return this.#json(await this.#whole(path, "application/json"), asList);
  }

  /** How the mob is, each second, until the server ends it. */
  async *live(): AsyncGenerator<StatusReport, void, void> {
    const waiting: string[] = [];
    let isTooLarge = false;
    const parser = createParser({
      maxBufferSize: LARGEST,
      onEvent: ({ event = "message", data }) => {
        if (event === "message") waiting.push(data);
      },
      onError: ({ type }) => isTooLarge ||= type === "max-buffer-size-exceeded",
    });
    const decoder = new TextDecoder();
    for await (const chunk of this.#chunks("/live", "text/event-stream")) {
      parser.feed(decoder.decode(chunk, { stream: true }));
      if (isTooLarge) throw this.#failure(`it sends more than ${LARGEST} bytes at once`);
      for (const data of waiting.splice(0)) yield this.#json(data, asReport);
    }
  }

  /** An answer as a whole. */
  async #whole(path: string, type: string): Promise<string> {
    const parts: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of this.#chunks(path, type)) {
      parts.push(chunk);
      size += chunk.length;
      if (size > LARGEST) throw this.#failure(`it sends more than ${LARGEST} bytes at once`);
    }
    return new TextDecoder().decode(concatenate(parts, size));
  }

  /** The parts of an answer of a media type. */
  async *#chunks(path: string, type: string): AsyncGenerator<Uint8Array, void, void> {
    const { server, folder } = this.#url;
    const { tls, connectTimeout, signal } = this.#options;
    const cutting = new AbortController();
    const cut = (): void => cutting.abort();
    let late: number | undefined;
    const wait = (milliseconds: number): () => void =>
      this.#terminal.after(milliseconds, () => {
        late = milliseconds;
        cut();
      });
    let cancel = wait(connectTimeout);
    onAny([signal], cut);
    try {
      const answer = await this.#terminal.get(server, `${folder}${path}`, { tls, signal: cutting.signal });
      if (answer.status !== 200) throw this.#failure(await this.#refusal(answer, path));
      if (answer.type !== type) throw this.#failure(STRANGE);
      cancel();
      cancel = wait(SILENCE);
      for await (const chunk of answer.chunks) {
        cancel();
        yield chunk;
        cancel = wait(SILENCE);
      }
    } catch (error) {
      if (error instanceof Failure) throw error;
      if (late !== undefined) throw this.#failure(`no answer in ${late / 1000} s`);
      throw this.#failure(error);
    } finally {
      cancel();
      signal.removeEventListener("abort", cut);
      // What is left of the answer is not read.
      cut();
    }
  }

  /** What the server says against a request. */
  async #refusal({ status, type, chunks }: HttpAnswer, path: string): Promise<string> {
    const [page] = path.split("?", 1);
    if (status >= 300 && status < 400) return `it sends to another place (${status})`;
    if (status === 404) return `there is no ${page} (404), is it the status of mobcast?`;
    let reason = "";
    if (type === "text/plain") {
      const decoder = new TextDecoder();
      for await (const chunk of chunks) {
        reason += decoder.decode(chunk, { stream: true });
        if (reason.length > REASON) break;
      }
    }
    return `it refuses ${page} (${status})${reason.trim() === "" ? "" : `: ${oneLine(reason).slice(0, REASON)}`}`;
  }

  #json<Value>(text: string, check: (value: unknown) => Value | undefined): Value {
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      throw this.#failure(STRANGE);
    }
    const checked = check(value);
    if (checked === undefined) throw this.#failure(STRANGE);
    return checked;
  }

  #failure(reason: unknown): Failure {
    const { message } = describe(`Cannot read the status of ${this.#url.text}`, reason);
    return new Failure(`${message}${this.#wayForward(String((reason as { code?: unknown }).code))}`, { cause: reason });
  }

  /** What to do when nothing answers, or something else does. */
  #wayForward(code: string): string {
    if (code === "ECONNREFUSED" || code === "ENOENT") return `, start the server with --status ${this.#url.text}`;
    const isOther = code === "ECONNRESET" || code.startsWith("HPE_");
    return isOther ? ", is that its URL? It is what follows --status" : "";
  }
}

/** What is wrong when something else answers. */
const STRANGE = "what answers there is not the status of mobcast, or one of another version";
