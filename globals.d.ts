// deno-lint-ignore-file no-empty-interface no-explicit-any
// Types of the platform that these declarations name, for programs with neither the DOM's nor Node's: empty, they merge with
// the real ones where those are. A script, not a module: what it declares is global.

interface AbortSignal {}
interface Request {}
interface Response {}
interface URL {}
interface ReadableStream<R = any> {}
interface WritableStream<W = any> {}
interface SymbolConstructor {
  readonly asyncDispose: unique symbol;
}
interface AsyncDisposable {
  [Symbol.asyncDispose](): PromiseLike<void>;
}
