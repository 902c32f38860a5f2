// `bgp-utils/testing`: what tests of this package and of its users share.
export * from './hex.ts';
export * from './host.ts';
export * from './network.ts';
export * from './octets.ts';
export * from './prng.ts';
export * from './shape.ts';
export * from './simulator.ts';
