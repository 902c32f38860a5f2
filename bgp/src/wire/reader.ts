// A big-endian cursor over octets.                                                                       [hot]
//
//   octets  | … | at → … read next … | end | … |
//
// A read past `end` yields 0 and sets `overrun`, so a decoder reads straight on and asks once when it is done. A part
// with its own length is read by moving `end` (see `limit`), not by making another reader.

export class Reader {
  octets: Uint8Array;
  at = 0;
  end: number;
  overrun = false;

  constructor(octets: Uint8Array) {
    this.octets = octets;
    this.end = octets.length;
  }

  /** Octets left before `end`. */
  get remaining(): number {
    return this.end - this.at;
  }

  u8(): number {
    if (this.at + 1 > this.end) return this.past();
    return this.octets[this.at++]!;
  }

  u16(): number {
    if (this.at + 2 > this.end) return this.past();
    const { octets, at } = this;
    this.at = at + 2;
    return (octets[at]! << 8) | octets[at + 1]!;
  }

  u32(): number {
    if (this.at + 4 > this.end) return this.past();
    const { octets, at } = this;
    this.at = at + 4;
    return ((octets[at]! << 24) | (octets[at + 1]! << 16) | (octets[at + 2]! << 8) | octets[at + 3]!) >>> 0;
  }

  /** The next octets without copying: valid as long as the message. Empty, with `overrun` set, when there are fewer. */
  view(lengthOctets: number): Uint8Array {
    if (this.at + lengthOctets > this.end) {
      this.past();
      return EMPTY;
    }
    const from = this.at;
    this.at = from + lengthOctets;
    return this.octets.subarray(from, this.at);
  }

  /** The next octets as a copy, for what is kept longer than the message. */
  copy(lengthOctets: number): Uint8Array {
    return new Uint8Array(this.view(lengthOctets)); // not slice(): on a Buffer that is another view
  }

  /** Ends the reader after the next octets. @returns the former `end`, to be given to `unlimit`. */
  limit(lengthOctets: number): number {
    const outer = this.end;
    if (this.at + lengthOctets > outer) this.past();
    else this.end = this.at + lengthOctets;
    return outer;
  }

  /** Goes to the end of the limited part and makes what follows readable again. */
  unlimit(outer: number): void {
    this.at = this.end;
    this.end = outer;
  }

  private past(): 0 {
    this.overrun = true;
    this.at = this.end;
    return 0;
  }
}

const EMPTY = new Uint8Array(0);
