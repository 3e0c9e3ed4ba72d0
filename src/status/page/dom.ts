/// <reference lib="dom" />
/// <reference lib="dom.iterable" />
/**
 * The page's elements: found, made, and changed only where something has changed, so that what a person has selected or
 * focused stays.
 *
 * @module
 */

const SVG = "http://www.w3.org/2000/svg";

/** The element with an id. */
export function byId(id: string): HTMLElement {
  return document.getElementById(id)!;
}

/** Makes an element with attributes and contents. */
export function make(
  name: string,
  attributes: Record<string, string> = {},
  ...contents: (Node | string)[]
): HTMLElement {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...contents);
  return element;
}

/** Makes an element of SVG. */
export function makeSvg(name: string, attributes: Record<string, string>, ...contents: Node[]): SVGElement {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...contents);
  return element;
}

/** Sets the text of an element. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

/** Sets an attribute, or removes it. */
export function setAttribute(element: Element, name: string, value: string | undefined): void {
  if (value === undefined) element.removeAttribute(name);
  else if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

/** The elements that stand for things, by their keys. */
const made = new WeakMap<Element, Map<string, Element>>();

/** Makes the children of an element stand for these things, in this order, and keeps those that stand there already. */
export function keep<Thing>(
  parent: Element,
  things: readonly Thing[],
  keyOf: (thing: Thing) => string,
  create: (thing: Thing) => Element,
  update: (element: Element, thing: Thing) => void,
): void {
  const before = made.get(parent) ?? new Map<string, Element>();
  const after = new Map<string, Element>();
  things.forEach((thing, index) => {
    const key = keyOf(thing);
    const element = before.get(key) ?? create(thing);
    before.delete(key);
    after.set(key, element);
    update(element, thing);
    if (parent.children[index] !== element) parent.insertBefore(element, parent.children[index] ?? null);
  });
  for (const element of before.values()) element.remove();
  made.set(parent, after);
}

/** Makes the rows of a table body these texts; the first of each names its row. Numbers go to the right. */
export function fillRows(body: Element, rows: readonly (readonly (string | readonly [string, string])[])[]): void {
  const create = (row: (typeof rows)[number]): Element => {
    const cells = row.map((cell, index) => {
      const element = make(index === 0 ? "th" : "td", index === 0 ? { scope: "row" } : { class: "number" });
      if (typeof cell !== "string") element.append(make("span"), make("small"));
      return element;
    });
    return make("tr", {}, ...cells);
  };
  keep(body, rows, ([first]) => typeof first === "string" ? first : first![0], create, (element, row) => {
    row.forEach((cell, index) => {
      const place = element.children[index]!;
      if (typeof cell === "string") setText(place, cell);
      else cell.forEach((text, part) => setText(place.children[part]!, text));
    });
  });
}

/** A row of a bar chart that is a table: what it counts, and how many. */
export interface Bar {
  readonly label: string;
  readonly count: number;
  readonly text: string;
}

/** Makes the rows of a table body bars, the longest the largest. */
export function fillBars(body: Element, bars: readonly Bar[]): void {
  const most = Math.max(1, ...bars.map(({ count }) => count));
  const create = (): Element =>
    make(
      "tr",
      {},
      make("th", { scope: "row" }),
      make("td", {}, make("div", { class: "bar" }, make("i"))),
      make("td", { class: "number" }),
    );
  keep(body, bars, ({ label }) => label, create, (element, { label, count, text }) => {
    const [name, share, number] = [...element.children];
    setText(name!, label);
    setText(number!, text);
    setAttribute(element, "class", count > 0 ? undefined : "empty");
    // What is there is seen, however little it is.
    const width = count === 0 ? "0" : `max(2px, ${(100 * count / most).toFixed(2)}%)`;
    (share!.querySelector("i") as HTMLElement).style.width = width;
  });
}
