// Answers → text for people. Pure: what it is shown on is an argument. A file an answer in format/.

export * from './format/events.ts';
export * from './format/peers.ts';
export * from './format/resolution.ts';
export * from './format/routes.ts';
export * from './format/status.ts';
export { type Cell, type Colour, type Column, printable, type Terminal, table } from './format/table.ts';
export { formatAge } from './format/words.ts';
