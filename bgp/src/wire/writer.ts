// A big-endian cursor that writes, growing its buffer as needed.                                         [hot]
//
//   octets  | written … | length → free … |      lengths that are known later are patched with `setU16`

export class Writer {
  octets: Uint8Array;
  /** Octets written; may be set back to drop what was written last. */
  length = 0;

  constructor(capacityOctets = 64) {
    this.octets = new Uint8Array(capacityOctets);
  }

  u8(value: number): void {
    if (this.length + 1 > this.octets.length) this.grow(1);
    this.octets[this.length++] = value;
  }

  u16(value: number): void {
    if (this.length + 2 > this.octets.length) this.grow(2);
    const { octets, length } = this;
    octets[length] = value >>> 8;
    octets[length + 1] = value;
    this.length = length + 2;
  }

  u32(value: number): void {
    if (this.length + 4 > this.octets.length) this.grow(4);
    const { octets, length } = this;
    octets[length] = value >>> 24;
    octets[length + 1] = value >>> 16;
    octets[length + 2] = value >>> 8;
    octets[length + 3] = value;
    this.length = length + 4;
  }

  bytes(value: Uint8Array): void {
    if (this.length + value.length > this.octets.length) this.grow(value.length);
    this.octets.set(value, this.length);
    this.length += value.length;
  }

  /** A part of an array. Short ones are copied octet by octet, which costs less than a view. */
  range(from: Uint8Array, start: number, end: number): void {
    const count = end - start;
    if (this.length + count > this.octets.length) this.grow(count);
    const { octets, length } = this;
    if (count > 96) octets.set(from.subarray(start, end), length);
    else for (let i = 0; i < count; i++) octets[length + i] = from[start + i]!;
    this.length = length + count;
  }

  /** Writes over what was written before at `at`. */
  setU8(at: number, value: number): void {
    this.octets[at] = value;
  }

  setU16(at: number, value: number): void {
    this.octets[at] = value >>> 8;
    this.octets[at + 1] = value;
  }

  /** Moves what was written from `at` on by some octets, whose content is then undefined. */
  insert(at: number, countOctets: number): void {
    if (this.length + countOctets > this.octets.length) this.grow(countOctets);
    this.octets.copyWithin(at + countOctets, at, this.length);
    this.length += countOctets;
  }

  /** What was written, without copying: the writer must not be used after that. */
  take(): Uint8Array {
    return this.octets.subarray(0, this.length);
  }

  private grow(neededOctets: number): void {
    const larger = new Uint8Array(Math.max(this.octets.length * 2, this.length + neededOctets));
    larger.set(this.octets.subarray(0, this.length));
    this.octets = larger;
  }
}
