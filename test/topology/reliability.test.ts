// The short form of the proof by traffic: four hosts, every fault that is not marked full, one after the other. Packets between
// containers flow at 1 kHz all the while; what they may notice stands with each fault. `npm run reliability` is the full form.

import { FAULTS } from '../reliability/faults/index.ts';
import { Fleet } from '../reliability/fleet.ts';
import { run } from '../reliability/run.ts';

describe('packets between containers', () => {
  let fleet: Fleet;
  beforeAll(async () => {
    fleet = await Fleet.start({ hosts: 4 });
  }, 120_000);
  afterAll(() => fleet?.stop(), 60_000);

  it.each(FAULTS.filter(({ full }) => !full).map((fault) => [fault.title, fault] as const))(
    '%s',
    async (_, fault) => {
      const { failures, cells } = await run(fleet, fault);
      expect(failures).toEqual([]);
      expect(cells.every(({ sent }) => sent > 0)).toBe(true);
    },
    120_000,
  );
});
