/**
 * The filter of nodes: decides which messages of a stream count, and joins the pieces of large batches. All mobs apply it to
 * the same stream, so all decide alike.
 *
 * A node appends its batches in order, and appends again what may not have been stored. Of each node the filter takes the
 * piece that follows the last one it has taken. What comes before that is repeated. What comes behind it shows that something
 * is missing, since a node appends nothing before what came before is back: the engine has lost it after that, and those who
 * had not read so far were not told. Where messages are known to be missing, the next batch of each node is taken wherever it
 * begins.
 *
 * A node that the filter has not heard yet begins where it begins, unless it says that a batch of its own lay where the filter
 * has heard everything: that one is lost, too.
 *
 * @module
 */

import { concatenate } from "../framing/receive_buffer.ts";
import type { Envelope, PlaceInLife } from "./envelope.ts";

/** Bytes that a piece costs beside its own. */
const PIECE_COST = 256;

/** What the filter makes of a message: a batch that is whole, or why there is none. */
export type Verdict =
  | Uint8Array
  /** It has come before. */
  | "repeated"
  /** It is behind what comes next of this mob's own, which is still on its way. */
  | "early"
  /** Batches before it are missing, and nothing has told so. It counts when it is judged again, behind that gap. */
  | "unannounced"
  /** A piece of a batch whose end is still to come. */
  | "piece"
  /** The end of a batch whose beginning is missing for good. */
  | "headless"
  /** A batch that is larger than any may be. */
  | "too large";

/** What is known of a node. */
interface Node {
  /** The batch that comes next, and how much of it has come. */
  number: number;
  start: number;
  pieces: Uint8Array[];
  /** Whether messages of it may be missing. */
  loose: boolean;
  /** This mob's own: the batch was given up. A copy of it counts, as it does for all that miss it, if nothing behind it came. */
  lost: boolean;
}

/** The filter. */
export class NodeFilter {
  /** Batches that are missing, as far as the numbers of nodes tell. */
  missed = 0;
  readonly #own: string;
  readonly #largest: number;
  readonly #mostPieces: number;
  readonly #mostNodes: number;
  /** The node that was heard last is the last one. */
  readonly #nodes: Map<string, Node> = new Map();
  /** What all pieces cost. */
  #pieces = 0;
  /** Behind this place the filter has heard everything that there is; `undefined`: it does not know where it begins. */
  #heard: PlaceInLife | undefined;
  /** How the node of the last batch was before that. */
  #before: { readonly node: string; readonly was: Node | undefined; readonly missed: number } | undefined;

  /**
   * `own` is the node of this mob, whose batches begin at 1. No batch has more than `largest` bytes. At most `mostNodes` nodes
   * are remembered, and pieces of at most sixteen of the largest batches.
   */
  constructor(own: string, largest: number, mostNodes = 4096) {
    this.#own = own;
    this.#largest = largest;
    this.#mostPieces = 16 * largest;
    this.#mostNodes = mostNodes;
    this.#nodes.set(own, { number: 1, start: 0, pieces: [], loose: false, lost: false });
  }

  /** How much of the own batch that comes next has come. */
  get ownStart(): number {
    return this.#nodes.get(this.#own)!.start;
  }

  /** How many bytes pieces cost that wait for the end of their batch. */
  get pieceBytes(): number {
    return this.#pieces;
  }

  /** How many nodes are remembered. */
  get nodes(): number {
    return this.#nodes.size;
  }

  /** The filter begins to hear everything behind a place. */
  begin(place: PlaceInLife): void {
    this.#heard = place;
  }

  /** Messages before a place are missing: what comes next of any other node may be behind what came last. */
  loosen(place: PlaceInLife): void {
    for (const [name, node] of this.#nodes) node.loose = name !== this.#own;
    this.begin(place);
  }

  /** Judges the message of the stream at `sequence`: its envelope, and the bytes behind that. */
  judge(envelope: Envelope, piece: Uint8Array, sequence: number): Verdict {
    const { node: name, number, start, isLast } = envelope;
    this.#before = undefined;
    let node = this.#nodes.get(name);
    if (!node && start === 0 && this.#hasMissed(envelope)) {
      this.#remember(name, { number: number - 1, start: 0, pieces: [], loose: true, lost: false }, sequence);
      return "unannounced";
    }
    // What a mob does not know yet begins where it begins; what is heard first may be a piece of a late copy.
    const next = node ?? { number, start: 0, pieces: [], loose: true, lost: false };
    if (number > next.number) this.#passLost(next);
    const end = start + piece.length;
    const isBefore = number < next.number || (number === next.number && next.start > 0 && end <= next.start);
    if (isBefore) return "repeated";
    const isBehind = number > next.number || start > next.start;
    if (isBehind && node && !node.loose) {
      if (name === this.#own) return "early";
      // A piece alone tells nothing: it may be one of a late copy.
      if (start === 0) {
        node.loose = true;
        return "unannounced";
      }
    }
    const was = node && { ...node, pieces: [] };
    const { missed } = this;
    node = this.#remember(name, next, sequence);
    if (isBehind) {
      if (start > 0) return this.#headless(node, number, isLast);
      this.missed += number - node.number;
      this.#drop(node);
      node.number = number;
    }
    const verdict = this.#add(node, start, end, piece, isLast);
    if (typeof verdict === "object") this.#before = { node: name, was, missed };
    return verdict;
  }

  /** Whether a node that was not heard yet has read a batch of its own where this filter must have heard it. */
  #hasMissed({ number, previous }: Envelope): boolean {
    const heard = this.#heard;
    return number > 1 && !!previous && previous.life === heard?.life && previous.sequence > heard.sequence;
  }

  /** A piece of an own batch was stored, and is missing in the stream. With the last one the batch is lost. */
  skipOwn(piece: Uint8Array, isLast: boolean): void {
    const node = this.#nodes.get(this.#own)!;
    this.#passLost(node);
    if (isLast) node.lost = true;
    else this.#add(node, node.start, node.start + piece.length, piece, isLast);
  }

  /** Something behind an own batch that is lost has come, or is lost itself. */
  #passLost(node: Node): void {
    if (!node.lost) return;
    this.#drop(node);
    node.number++;
    node.lost = false;
  }

  /** The batch of the last verdict is none: all is as if it had not come. */
  takeBack(): void {
    if (!this.#before) return;
    const { node: name, was, missed } = this.#before;
    this.#before = undefined;
    this.missed = missed;
    const node = this.#nodes.get(name)!;
    if (!was) this.#nodes.delete(name);
    // Its pieces are gone, so it has to come again from its beginning.
    else Object.assign(node, { number: was.number, start: 0, loose: was.loose, lost: was.lost });
  }

  /**
   * The node, as the one that was heard last. When there are too many, the one that was silent for longest is forgotten, with
   * what came of it up to `sequence`.
   */
  #remember(name: string, node: Node, sequence: number): Node {
    this.#nodes.delete(name);
    this.#nodes.set(name, node);
    if (this.#nodes.size > this.#mostNodes) {
      for (const [oldest, its] of this.#nodes) {
        if (oldest === this.#own) continue;
        this.#drop(its);
        this.#nodes.delete(oldest);
        if (this.#heard) this.#heard = { ...this.#heard, sequence };
        break;
      }
    }
    return node;
  }

  /** A piece without those before it. Only at the end of its batch it is clear that the batch is missing. */
  #headless(node: Node, number: number, isLast: boolean): Verdict {
    if (!isLast) return "piece";
    this.missed += number + 1 - node.number;
    this.#drop(node);
    node.number = number + 1;
    node.loose = false;
    return "headless";
  }

  #add(node: Node, start: number, end: number, piece: Uint8Array, isLast: boolean): Verdict {
    if (end > this.#largest) {
      this.#drop(node);
      return "too large";
    }
    // An earlier message may have had some of these bytes, when messages were allowed to be larger.
    const rest = start < node.start ? piece.subarray(node.start - start) : piece;
    if (!isLast) {
      node.pieces.push(rest);
      node.start = end;
      this.#pieces += rest.length + PIECE_COST;
      return this.#limitPieces(node) ? "piece" : "too large";
    }
    const batch = node.start === 0 ? rest : concatenate([...node.pieces, rest], end);
    this.#drop(node);
    node.number++;
    node.lost = false;
    // A piece does not end it: the pieces after a late copy may never come.
    node.loose = false;
    return batch;
  }

  /**
   * When too much waits, what has waited for longest is dropped: its batch is missing when its end comes. Returns whether the
   * current one is still there.
   */
  #limitPieces(current: Node): boolean {
    for (const [name, node] of this.#nodes) {
      if (this.#pieces <= this.#mostPieces) return true;
      if (node.start === 0 || name === this.#own) continue;
      this.#drop(node);
    }
    return current.start > 0;
  }

  #drop(node: Node): void {
    for (const { length } of node.pieces) this.#pieces -= length + PIECE_COST;
    node.pieces = [];
    node.start = 0;
  }
}
