/**
 * The core of mobcast: for those who bring an adapter of their own, or look inside. It comes without promise: what is here
 * may change in any version.
 *
 * @module
 */

export {
  type Adapter,
  type DialOptions,
  ERROR,
  HUP,
  type ListeningSocket,
  type ListenOptions,
  READABLE,
  type Readiness,
  type Registry,
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
export type { ClientTls, ServerTls } from "./src/contract/tls.ts";
export { formatToken, type Token, tokenOf } from "./src/contract/token.ts";
export { FrameDecoder, type FrameDecoderOptions, type FrameSink } from "./src/framing/decoder.ts";
export type { FramingName } from "./src/framing/framing.ts";
export { Log, type LogOptions } from "./src/broadcast/log.ts";
export { Poll } from "./src/reactor/poll.ts";
export { Slab, type SlabOptions } from "./src/reactor/slab.ts";
