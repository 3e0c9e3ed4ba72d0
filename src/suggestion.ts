/**
 * Suggestions: the name that was probably meant.
 *
 * @module
 */

/** The known name that was probably meant, `, did you mean maxLag?`; empty when there is none. */
export function suggestion(name: string, names: readonly string[]): string {
  const low = name.toLowerCase();
  const find = (isMeant: (known: string) => boolean) => names.find((known) => isMeant(known.toLowerCase()));
  const meant = find((known) => isNear(known, low, 0)) ?? find((known) => isNear(known, low, 2)) ??
    find((known) => low.length > 2 && known.includes(low));
  return meant ? `, did you mean ${meant}?` : "";
}

/** Whether one word becomes the other when so many letters are added, removed or changed. */
function isNear(one: string, other: string, letters: number): boolean {
  if (one === other) return true;
  if (letters === 0) return false;
  let at = 0;
  while (one[at] === other[at]) at++;
  const [removed, added] = [one.slice(at + 1), other.slice(at + 1)];
  return isNear(removed, other.slice(at), letters - 1) || isNear(one.slice(at), added, letters - 1) ||
    isNear(removed, added, letters - 1);
}
