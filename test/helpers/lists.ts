/** Lists: the maps and sets that something makes, looked at from outside. */

/** Every map and set that `make` makes, by the line of the sources that makes it. */
export async function listsOf<Made>(
  make: () => Made | Promise<Made>,
): Promise<{ made: Made; sizes: () => Record<string, number> }> {
  const lists: [string, { size: number }][] = [];
  const { Map, Set } = globalThis;
  const listed = <Class extends typeof Map | typeof Set>(original: Class): Class =>
    new Proxy(original, {
      construct(target, args, newTarget) {
        const list = Reflect.construct(target, args, newTarget) as { size: number };
        const line = new Error().stack?.split("\n").find((line) => /\/(src|adapters)\//.test(line)) ?? "?";
        lists.push([`${lists.length} ${line.replace(/.*\/((src|adapters)\/[^)]*).*/, "$1")}`, list]);
        return list;
      },
    });
  globalThis.Map = listed(Map);
  globalThis.Set = listed(Set);
  try {
    const made = await make();
    return { made, sizes: () => Object.fromEntries(lists.map(([line, { size }]) => [line, size])) };
  } finally {
    Object.assign(globalThis, { Map, Set });
  }
}
