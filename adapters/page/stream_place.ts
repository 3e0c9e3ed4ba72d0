/**
 * What pages get in place of the hello of streams that resume: a WebSocket resumes none, and the option is refused before this.
 *
 * @module
 */

/** See src/client/stream_place.ts. */
export class StreamPlace {}
