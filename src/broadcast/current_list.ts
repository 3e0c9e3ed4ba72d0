/**
 * The list of current connections of a feed: adding and removing are O(1).
 *
 * @module
 */

/** What the list writes of its members. */
export interface CurrentEntry {
  /** The index in the list; -1: it is not in the list. Only the list writes it. */
  currentIndex: number;
}

/** An array whose members know their index. The order does not matter. */
export class CurrentList<Member extends CurrentEntry> {
  /** The members. Removing one puts the last one in its place. */
  readonly members: Member[] = [];

  /** Adds a member, which is not in the list. */
  add(member: Member): void {
    member.currentIndex = this.members.length;
    this.members.push(member);
  }

  /** Removes a member, if it is in the list. */
  remove(member: Member): void {
    const index = member.currentIndex;
    if (index === -1) return;
    member.currentIndex = -1;
    const last = this.members.pop()!;
    if (last === member) return;
    this.members[index] = last;
    last.currentIndex = index;
  }
}
