/**
 * What a runtime says of its process.
 *
 * @module
 */

/** A process, and what it uses. */
export interface ProcessInfo {
  /** The version of the runtime: `24.1.0`. */
  readonly version: string;
  /** The process's number. */
  readonly pid: number;
  /** Milliseconds since it started. */
  readonly uptime: number;
  /** When it started, in milliseconds since 1970. */
  readonly startTime: number;
  /** Bytes of memory that the system has given to it. */
  readonly residentBytes: number;
  /** Bytes that objects of the program use. */
  readonly heapBytes: number;
  /** Seconds of processor time since it started. */
  readonly cpuSeconds: number;
}
