import { measure, PERIOD_MS } from '../../reliability/measure.ts';

/** Packets by number: when each left, and when it arrived, 0 for never. */
const measured = (packets: readonly (readonly [sent: number, received: number])[], beginsAt = 0) =>
  measure(
    {
      count: packets.length,
      sentAt: Float64Array.from(packets, ([sent]) => sent),
      receivedAt: Float64Array.from(packets, ([, received]) => received),
    },
    beginsAt,
  );

/** A thousand a second from `begins`, arriving on a clock that is ahead by 5,000. */
const steady = (count: number, begins = 100) =>
  Array.from({ length: count }, (_, index) => {
    const sent = begins + index * PERIOD_MS;
    return [sent, sent + 5_000] as [number, number];
  });

describe('measure', () => {
  it('finds nothing where all arrive', () => {
    expect(measured(steady(50))).toEqual({ sent: 50, lost: 0, gapMs: 1, outages: [] });
  });

  it('counts what is missing, and the time until packets arrive again', () => {
    const packets = steady(50);
    for (let index = 10; index < 30; index++) packets[index]![1] = 0;
    packets[40]![1] = 0;
    expect(measured(packets, 90)).toEqual({
      sent: 50,
      lost: 21,
      gapMs: 21,
      outages: [
        { atMs: 19, lost: 20, gapMs: 21 },
        { atMs: 49, lost: 1, gapMs: 2 },
      ],
    });
  });

  it('counts loss at both edges of the window', () => {
    const packets = steady(50);
    for (const index of [0, 1, 2, 48, 49]) packets[index]![1] = 0;
    expect(measured(packets)).toMatchObject({ lost: 5, gapMs: 3 });
    expect(measured(steady(30).map(([sent]) => [sent, 0]))).toMatchObject({ sent: 30, lost: 30, gapMs: 29 });
  });

  it('does not count what the sender stood still', () => {
    const packets = [...steady(10, 0), ...steady(10, 200)];
    expect(measured(packets)).toMatchObject({ lost: 0, gapMs: 1 });
  });

  it('counts packets that were held up, and those of a sender that caught up afterwards', () => {
    const held = steady(20);
    for (let index = 10; index < 15; index++) held[index]![1] = 5_115;
    expect(measured(held)).toMatchObject({ lost: 0, gapMs: 6 });
    // It stood still for 30 ms, sent 30 at once, and they were lost: to those who wait it was an outage.
    const caught = [
      ...steady(10, 0),
      ...Array.from({ length: 30 }, () => [39, 0] as [number, number]),
      ...steady(10, 40),
    ];
    expect(measured(caught)).toMatchObject({ lost: 30, gapMs: 31 });
  });

  it('has nothing to say of an empty window', () => {
    expect(measured([])).toEqual({ sent: 0, lost: 0, gapMs: 0, outages: [] });
  });
});
