/** Shapes: the loads of the benchmark, as data. */

/** Receivers and publishers, as fast as frames come back or by a clock. */
export interface LoadShape {
  readonly kind: "closed" | "open" | "join" | "churn" | "small";
  readonly name: string;
  readonly about: string;
  readonly receivers: number;
  readonly publishers: number;
  /** Bytes of each payload. */
  readonly size: number;
  /** Frames under way at a time; closed loop. */
  readonly window?: number;
  /** Frames a second from each publisher; open loop. */
  readonly rate?: number;
  /** The delay of one frame in so many is counted, so that counting costs little. */
  readonly sample: number;
  /** Clients a second that connect, receive something and leave, beside the others. */
  readonly churn?: number;
  /** The server may have so many MiB, and one more client never reads. */
  readonly mebibytes?: number;
  /** Of WebSocket: mobs take part, and servers that speak it. */
  readonly websocket?: boolean;
  /** Of a status listener that is scraped. */
  readonly scraped?: boolean;
  /** Over TLS: mobs, bare `node:tls` and others, beside the same in the clear. */
  readonly tls?: boolean;
  /** So many more connect at once while the others talk. */
  readonly storm?: number;
  /** Servers whose first write would take minutes, or that cannot have so many connections. */
  readonly without?: readonly string[];
}

/** Many idle connections, and one whose frames no connection receives. */
export interface IdleShape {
  readonly kind: "idle";
  readonly name: string;
  readonly about: string;
  readonly idle: number;
  /** Events a second. */
  readonly rate: number;
  /** In the end the server is told to stop, and has to let all go. */
  readonly drains?: boolean;
  /** Over TLS. */
  readonly tls?: boolean;
}

/** From the start of the program to the first accepted connection. */
export interface StartShape {
  readonly kind: "start";
  readonly name: string;
  readonly about: string;
}

/** A load of the benchmark. */
export type Shape = LoadShape | IdleShape | StartShape;

const count = (value: number): string => value.toLocaleString("en");

function closed(
  name: string,
  receivers: number,
  publishers: number,
  size: number,
  window: number,
  without: readonly string[] = [],
): LoadShape {
  const bytes = size < 1024 ? `${size} bytes` : size < 2 ** 20 ? `${size / 1024} KiB` : `${size / 2 ** 20} MiB`;
  const about = `closed loop: ${count(receivers)} subscribers, ${publishers} publishers, ${bytes}, ${
    count(window)
  } in flight`;
  const sample = window * receivers > 100_000 ? 16 : 1;
  return { kind: "closed", name, about, receivers, publishers, size, window, sample, without };
}

function room(receivers: number, rate: number, name: string): LoadShape {
  return {
    kind: "open",
    name,
    about: `a room: ${count(receivers)} clients send ${rate} messages of 64 bytes a second each, ` +
      `${(receivers * receivers * rate / 1e6).toFixed(1)} million deliveries a second offered`,
    receivers,
    publishers: receivers,
    size: 64,
    rate,
    sample: 8,
    without: ["ncat"],
  };
}

function idle(connections: number): IdleShape {
  return {
    kind: "idle",
    name: `idle-${connections}`,
    about: `${count(connections)} idle connections, one sends 10,000 pings a second, which no connection receives`,
    idle: connections,
    rate: 10_000,
  };
}

/** All shapes, in the order in which they run. */
export const SHAPES: readonly Shape[] = [
  closed("closed-100", 100, 4, 64, 4096),
  closed("closed-1000", 1000, 8, 64, 1024, ["ncat"]),
  closed("closed-5000", 5000, 8, 64, 512, ["ncat"]),
  closed("closed-16k", 100, 4, 16 * 1024, 64),
  closed("unbatched", 1000, 8, 64, 8, ["ncat"]),
  closed("frames-1m", 20, 1, 2 ** 20, 4, ["ncat"]),
  room(1000, 5, "room-1000x5"),
  room(1000, 20, "room-1000x20"),
  {
    kind: "join",
    name: "join-storm",
    about: "3,000 connect at once; the time until all are accepted and have received a frame",
    receivers: 3000,
    publishers: 1,
    size: 64,
    rate: 100,
    sample: 1,
    without: ["ncat"],
  },
  idle(10),
  idle(1000),
  idle(10_000),
  { kind: "start", name: "start", about: "from the start of the program to the first byte for a connection" },
];

function websocket(name: string, receivers: number, publishers: number, window: number): LoadShape {
  return { ...closed(name, receivers, publishers, 64, window), websocket: true };
}

/** WebSocket beside u64, and other servers of WebSocket: only when `ws` is asked for. */
export const WEBSOCKETS: readonly LoadShape[] = [
  websocket("ws-100", 100, 4, 1024),
  websocket("ws-1000", 1000, 8, 1024),
  websocket("ws-unbatched", 1000, 8, 64),
];

/** What a status listener costs that is scraped once a second: only when `scraped` is asked for. */
export const SCRAPED: readonly LoadShape[] = [
  { ...closed("scraped-100", 100, 4, 64, 4096), scraped: true },
  { ...closed("scraped-1000", 1000, 8, 64, 1024), scraped: true },
];

/** Many idle connections, which the server lets go in the end: only when `many` is asked for. */
export const MANY: readonly IdleShape[] = [5000, 18_000, 50_000].map((connections) => ({
  ...idle(connections),
  name: `many-${connections}`,
  drains: true,
}));

/** A room beside which clients come and go, and the same room alone: only when `churn` is asked for. */
export const CHURN: readonly LoadShape[] = [0, 1000, 10_000].map((churn) => ({
  kind: "churn",
  name: `churn-${churn}`,
  about: `a room of 100 clients that send 20 messages a second each, beside which ${
    churn === 0 ? "nothing else happens" : `${count(churn)} clients a second connect, receive something and leave`
  }`,
  receivers: 100,
  publishers: 100,
  size: 64,
  rate: 20,
  sample: 1,
  churn,
}));

/** A small machine: only when `small` is asked for. */
export const SMALL: readonly LoadShape[] = [64, 96, 128].map((mebibytes) => ({
  ...closed(`small-${mebibytes}`, 99, 4, 64, 1024),
  kind: "small",
  about: `a server with ${mebibytes} MiB in all: 99 clients of which 4 publish, 64 bytes, 1,024 in flight, ` +
    "and one client that never reads; mobcast with --max-lag 1MiB --max-connections 100",
  mebibytes,
}));

/** Over TLS, beside bare `node:tls` and bare sockets: only when `tls` is asked for. */
export const OVER_TLS: readonly Shape[] = [
  { ...closed("tls-100", 100, 4, 64, 1024), tls: true },
  { ...closed("tls-1000", 1000, 8, 64, 1024), tls: true },
  { ...closed("tls-16k", 100, 4, 16 * 1024, 64), tls: true },
  {
    ...room(100, 5, "tls-storm"),
    about:
      "100 clients send 5 messages of 64 bytes a second each, and 1,000 more connect at once over TLS: the delay of the " +
      "100 until all are in",
    sample: 1,
    storm: 1000,
    tls: true,
  },
  { ...idle(1000), name: "tls-idle", about: "1,000 idle connections over TLS", rate: 10, tls: true },
];

/** Rooms to find the largest that one core can hold: only when `largest` is asked for. */
export const LADDER: readonly LoadShape[] = [1500, 2000, 2500, 3000, 3500, 4000].map((size) =>
  room(size, 5, `largest-${size}`)
);
