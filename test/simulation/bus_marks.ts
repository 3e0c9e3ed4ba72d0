/**
 * Marks of worlds of several mobs on a bus: rare states that a campaign must have reached.
 *
 * @module
 */

/** The marks, with what each means. */
export const BUS_MARKS = {
  "message lost": "an appended message was lost, and was appended again",
  "answer lost": "a message was stored, and its mob did not get to know it",
  "message late": "a message was stored after its mob had given it up",
  "message late behind its copy": "a message was stored a second time, since it came late and went again meanwhile",
  "stored twice": "the engine stored a message twice, one after the other",
  "known by its id": "a message was not stored, since the engine had it",
  "known by its id and gone": "a message was not stored, since the engine had had it",
  "read twice": "a mob read a message a second time, and dropped it",
  "discarded before it was read": "messages were gone before a mob had read them",
  "own batch lost": "messages were gone before the mob that had sent them had read them",
  "began empty": "the engine came back empty",
  "lost its end": "the engine came back without its last messages",
  "lost its end quietly": "the engine lost its last messages, and a mob was not told since it had not read so far",
  "came again": "what a mob had published before the engine began anew came again, and was dropped",
  "lost and not told": "the numbers of a node showed that the stream had lost what a mob had not read yet",
  "lost before it was known":
    "the first message of a node showed that the stream had lost one of it that a mob had not read yet",
  "batch in pieces": "a batch took more than one message",
  "pieces of another size": "a batch in pieces went on in pieces of another size",
  "without its beginning": "a mob missed the beginning of a batch in pieces, and told a gap",
  "pieces twice": "a piece came a second time, and more of its batch with it",
  "foreign": "something that was not of this bus was read and refused",
  "foreign batch": "a batch that a mob cannot publish was read and refused",
  "foreign mob": "a mob that this world does not know sent a batch, and it was published",
  "away": "the engine could not be reached by a mob with frames on their way",
  "away, and others went on": "a mob published while another could not reach the engine",
  "bounded while away": "no connection was read, since so much was on its way",
  "several runs": "a batch had frames in several framings",
  "published in several ticks": "a batch was published in more than one tick",
  "held under block": "what came over the bus waited, since a connection was too far behind",
  "gap cut": "a connection ended because of a gap, behind all that came before it",
  "gap and gone on": "under skip a connection went on behind a gap",
  "end with own frames":
    "a connection that ended its half got its own last frames, which came back after that, and the end",
  "end without own frames": "a connection that ended its half waited for its own last frames for too long",
  "own frames left out": "under echo others a connection did not receive its own frames",
  "not carried": "a frame was skipped by connections whose framing cannot carry it",
  "skipped": "a slow connection missed frames",
  "lagged": "a connection was removed for its lag",
  "stopped": "a process was stopped while something was told to others",
  "crashed": "a mob ended with a batch on its way",
  "last batch for all": "the last batch of a mob that ended was published by others",
  "last batch for none": "the last batch of a mob that ended was never stored",
  "closed with frames on their way": "a mob was closed while its frames were on their way, and published them",
  "closed in vain": "a closing mob dropped its connections with frames on their way",
  "joined in the middle": "a mob joined while batches were on their way",
  "application": "the application of a mob published",
  "past": "a client received what was published before it had joined",
  "past behind a gap": "the past of a client began behind a gap",
  "past from the stream": "a mob read its past back before it opened its listeners",
  "hello": "a client joined whose stream can be resumed",
  "resumed there": "a client came back to its mob and missed nothing",
  "resumed there, with a gap": "a client came back to its mob and was told exactly what it misses",
  "resumed elsewhere": "a client went on at another mob and missed nothing",
  "resumed elsewhere, with a gap": "a client went on at another mob and was told exactly what it misses",
  "web": "a message of a WebSocket client was published",
  "packed": "a frame of a client of mobcast.u64 was published",
  "web close": "a WebSocket client got the close frame of a server, and left",
  "web gap": "a WebSocket client got a close frame that says that something was missed",
  "resumed and not known": "a client came back, and what it misses is not known",
} as const;

/** The name of a mark. */
export type BusMark = keyof typeof BUS_MARKS;

/** All of them. */
export const BUS_MARK_NAMES: readonly BusMark[] = Object.keys(BUS_MARKS) as BusMark[];
