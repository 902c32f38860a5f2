// What `resolve` found, in sections.

import type { ResolveAnswer } from '../../control/schema.ts';
import { type Column, paint, properties, type Terminal, table } from './table.ts';
import { hostPort, orDash } from './words.ts';

type ResolvedPeer = ResolveAnswer['peers'][number];

const RESOLVED_PEER_COLUMNS: readonly Column<ResolvedPeer>[] = [
  { title: 'PEER', cell: (peer) => (peer.port === 179 ? peer.address : hostPort(peer.address, peer.port)) },
  { title: 'AS', align: 'right', cell: (peer) => String(peer.asNumber) },
  { title: 'LOCAL AS', align: 'right', wide: true, cell: (peer) => String(peer.localAsNumber) },
  { title: 'TYPE', cell: (peer) => peer.type },
  { title: 'RESOURCE', cell: (peer) => peer.resource },
  { title: 'SOURCE', cell: (peer) => orDash(peer.sourceAddress) },
  { title: 'RESTART', align: 'right', wide: true, cell: (peer) => String(peer.gracefulRestartSeconds) },
  { title: 'NEXT HOP', wide: true, cell: (peer) => peer.nextHop },
  { title: 'IMPORT', wide: true, cell: (peer) => orDash(peer.importFilters.join(',')) },
  { title: 'EXPORT', wide: true, cell: (peer) => orDash(peer.exportFilters.join(',')) },
  {
    title: 'NOTES',
    cell: (peer) => {
      const notes = [
        ...(peer.passive ? ['passive'] : []),
        ...(peer.routeReflectorClient ? [`client in cluster ${orDash(peer.clusterId)}`] : []),
        ...(peer.password === 'none' ? [] : [`password ${peer.password}`]),
      ];
      return { text: notes.join(', '), colour: peer.password === 'missing' ? 'red' : undefined };
    },
  },
];

/** Sections for what `resolve` found, problems first; an empty section says so. */
export function formatResolution(resolution: ResolveAnswer, terminal: Terminal, wide: boolean): string {
  const listen = (['v4', 'v6'] as const).flatMap((family) => {
    const at = resolution.listen[family];
    return at === null ? [] : [hostPort(at.address ?? (family === 'v4' ? '0.0.0.0' : '::'), at.port)];
  });
  const head = properties(
    [
      ['Node', resolution.node],
      ['AS', orDash(resolution.asNumber)],
      ['Identifier', orDash(resolution.routerId)],
      ...(resolution.clusterId === null ? [] : [['Cluster', resolution.clusterId] as const]),
      ['Listen', orDash(listen.join(', '))],
      ['Revision', resolution.revision],
    ],
    terminal,
  );
  const section = (title: string, body: string, none: string) =>
    `${paint(title, 'bold', terminal)}\n${body === '' ? `${none}\n` : body}`;
  const problems = table(
    [
      { title: 'RESOURCE', cell: (one) => one.resource },
      { title: 'FIELD', cell: (one) => orDash(one.field) },
      { title: 'PROBLEM', cell: (one) => ({ text: one.message, colour: 'red' }) },
    ] satisfies Column<ResolveAnswer['problems'][number]>[],
    resolution.problems,
    terminal,
  );
  const blocks = table(
    [
      { title: 'BLOCK', cell: (one) => one.cidr },
      { title: 'STATE', cell: (one) => one.state },
      { title: 'AGGREGATED', cell: (one) => (one.aggregated ? 'yes' : 'no') },
      { title: 'BLACKHOLE', cell: (one) => (one.blackhole ? 'yes' : 'no') },
    ] satisfies Column<ResolveAnswer['blocks'][number]>[],
    resolution.blocks,
    terminal,
  );
  const { acceptPools, rejectPools } = resolution.export;
  const exported = (cidr: string) =>
    acceptPools.includes(cidr) ? 'yes' : rejectPools.includes(cidr) ? 'no' : '-';
  const pools = table(
    [
      { title: 'POOL', cell: (cidr) => cidr },
      { title: 'EXPORTED', cell: exported },
      {
        title: 'IN KERNEL',
        cell: (cidr) => {
          const pool = resolution.kernel.pools.find((one) => one.cidr === cidr);
          return pool === undefined ? '-' : pool.program ? 'yes' : 'no';
        },
      },
      {
        title: 'TUNNEL',
        cell: (cidr) => orDash(resolution.kernel.pools.find((one) => one.cidr === cidr)?.tunnel ?? null),
      },
    ] satisfies Column<string>[],
    [...new Set([...acceptPools, ...rejectPools, ...resolution.kernel.pools.map((pool) => pool.cidr)])],
    terminal,
  );
  return [
    head,
    ...(problems === '' ? [] : [section('Problems', problems, 'none')]),
    section('Peers', table(RESOLVED_PEER_COLUMNS, resolution.peers, terminal, wide), 'none'),
    section('Own blocks', blocks, 'none'),
    section('Pools', pools, 'none'),
  ].join('\n');
}
