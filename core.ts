/**
 * The core of mobcast, to write an adapter or to look inside, and the types that the options and stats of `mobcast` are made
 * of. It comes without promise: any version may change it.
 *
 * @module
 */

// --- the core ---
export {
  type Adapter,
  type CloseFrame,
  type DialOptions,
  ERROR,
  HUP,
  type ListeningSocket,
  type ListenOptions,
  READABLE,
  type Readiness,
  type Registry,
  type SharePort,
  type Socket,
  WRITABLE,
} from "./src/contract/adapter.ts";
export {
  type Address,
  formatAddress,
  type NetworkAddress,
  parseAddress,
  type UnixAddress,
} from "./src/contract/address.ts";
export type { CertificateSubject, ClientTls, ServerTls, TlsSource } from "./src/contract/tls.ts";
export type { HttpHandler, HttpListenOptions } from "./src/contract/http.ts";
export type { ProcessInfo } from "./src/contract/process_info.ts";
export { formatToken, type Token, tokenOf } from "./src/contract/token.ts";
export {
  type ControlSink,
  type Decoder,
  type DecoderFailure,
  FrameDecoder,
  type FrameDecoderOptions,
  type FrameSink,
} from "./src/framing/decoder.ts";
export type { FramingName } from "./src/framing/framing.ts";
export { Log, type LogOptions } from "./src/broadcast/log.ts";
export { Poll } from "./src/reactor/poll.ts";
export { Slab, type SlabOptions } from "./src/reactor/slab.ts";

// --- a bus of your own ---
export { busRelay } from "./src/bus/bus.ts";
export type { Channel, ChannelBatch, ChannelEvents, ChannelGap, ChannelItem, ChannelStats } from "./src/bus/channel.ts";
export type { CommonOffset, OffsetSource } from "./src/bus/common_offsets.ts";
export type { Numbering } from "./src/framing/hello.ts";
export type { BusGap, Relay, RelayHost, RelayLink, RelayPublisher, RelaySender } from "./src/bus/relay.ts";
export type { Uplink } from "./src/bus/uplink.ts";
export type { BusStream, StreamPosition, StreamReader, StreamTerms } from "./src/contract/bus_stream.ts";
export type { FrameRules } from "./src/framing/framing.ts";

// --- what options are made of ---
export { CHOICES, type LimitOptions, type Limits, type ResolvedOptions } from "./src/server/options.ts";
export type { Limit, Range, Unit } from "./src/check.ts";
export type { Echo, SlowConsumer } from "./src/broadcast/options.ts";
export type {
  BusOptions,
  CloseOptions,
  ListenerInfo,
  StatusListenerOptions,
  TransportOptions,
} from "./src/server/mob_options.ts";
export type { StatusOption } from "./src/server/status_options.ts";
export type { ClientCloseOptions, ClientOptions, JoinOptions, SendOptions } from "./src/client/client_options.ts";
export type { BackoffOptions } from "./src/client/backoff.ts";

// --- what stats are made of ---
export {
  CONNECTION_SORTS,
  type ConnectionQuery,
  type ConnectionSort,
  type DeliveryCounts,
  type FeedStats,
  type Histogram,
  type ListenerStats,
} from "./src/status/stats.ts";
export type { BusCount, BusStats, RelayStats } from "./src/bus/bus_stats.ts";
export type { MobState } from "./src/status/source.ts";
export type { ConnectionEvent, TimedEvent } from "./src/status/events.ts";
export type { Count } from "./src/broadcast/subscriber.ts";
