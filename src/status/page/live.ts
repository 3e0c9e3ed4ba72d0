/**
 * The line to the server: reports come as server-sent events, and what the page does when none come.
 *
 * @module
 */

import type { ConnectionList, StatusReport } from "../report.ts";
import type { ConnectionSort } from "../stats.ts";

/** How long after a failure the page tries again, in milliseconds. */
const AGAIN = 1000;

/** How long nothing may come, in milliseconds: a message is due each second. */
const SILENCE = 5000;

/** What the page is told. */
export interface LineEvents {
  /** A report has come. */
  readonly onReport: (report: StatusReport) => void;
  /** The line is open: what comes now may be of another run. */
  readonly onOpen: () => void;
  /** The line broke. The page tries again by itself. */
  readonly onAway: () => void;
}

/** Opens the line, and keeps it open. */
export function openLine(events: LineEvents): void {
  const source = new EventSource("live");
  let timer: ReturnType<typeof setTimeout> | undefined;
  const over = (): void => {
    clearTimeout(timer);
    source.close();
    events.onAway();
    setTimeout(() => openLine(events), AGAIN);
  };
  const listen = (): void => {
    clearTimeout(timer);
    timer = setTimeout(over, SILENCE);
  };
  source.onopen = () => {
    listen();
    events.onOpen();
  };
  source.onmessage = ({ data }) => {
    listen();
    events.onReport(JSON.parse(data) as StatusReport);
  };
  source.onerror = over;
  listen();
}

/** How many connections the page lists. */
const LISTED = 20;

/** Asks for the connections that come first. */
export async function fetchConnections(sort: ConnectionSort): Promise<ConnectionList> {
  const response = await fetch(`connections?sort=${sort}&limit=${LISTED}`, { cache: "no-store" });
  if (!response.ok) throw new Error(`${response.status} ${response.statusText}`);
  return await response.json() as ConnectionList;
}
