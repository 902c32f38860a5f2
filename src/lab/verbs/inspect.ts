// `lab inspect`: labs with their nodes, or the interfaces in them; as a table, or as containerlab's JSON.

import { relative } from 'node:path';
import { Lab, type LabNode } from '../lab.ts';
import { formatTable } from '../table.ts';
import { type Call, formatOf, type Output, openLab } from './call.ts';

export async function inspect({ words, options, output }: Call): Promise<number> {
  const format = formatOf(options, ['table', 'json']);
  const interfaces = words[0] === 'interfaces';
  const file = interfaces ? words[1] : words[0];
  const named = file ?? options.topo ?? options.name;
  const labs =
    options.all || named === undefined
      ? Lab.names().flatMap((name) => Lab.open(name) ?? [])
      : [openLab(options, file, output)];
  if (labs.includes(undefined)) return 1;
  const found = labs.filter((lab) => lab !== undefined);
  if (interfaces) return showInterfaces(found, format, output);
  showLabs(found, format, output);
  return 0;
}

export function showLabs(labs: readonly Lab[], format: string, output: Output): void {
  const rows = labs.map((lab) => [lab.name, lab.nodes.map((node) => describe(lab, node))] as const);
  if (format === 'json') {
    output.stdout(`${JSON.stringify(Object.fromEntries(rows), null, 2)}\n`);
    return;
  }
  if (labs.length === 0) output.stdout('no lab is deployed\n');
  for (const [, nodes] of rows)
    output.stdout(
      formatTable(
        ['LAB', 'NAME', 'KIND', 'IMAGE', 'STATE', 'IPV4', 'IPV6'],
        nodes.map((node) => [
          ...[node.lab_name, node.name, node.kind, node.image || '-', node.state],
          ...[node.ipv4_address, node.ipv6_address],
        ]),
      ),
    );
}

/** The fields of containerlab's `inspect -f json`. */
function describe(lab: Lab, node: LabNode) {
  const { state } = node;
  return {
    lab_name: lab.name,
    labPath: relative(process.cwd(), lab.topologyFile),
    absLabPath: lab.topologyFile,
    name: state.longName,
    container_id: state.holder ? String(state.holder.pid) : 'N/A',
    image: state.image,
    kind: state.kind,
    state: node.running ? 'running' : 'exited',
    status: '',
    ipv4_address: state.mgmtIpv4 ?? 'N/A',
    ipv6_address: state.mgmtIpv6 ?? 'N/A',
    owner: process.env.SUDO_USER ?? process.env.USER ?? '',
  };
}

async function showInterfaces(labs: readonly Lab[], format: string, output: Output): Promise<number> {
  const shown: { name: string; interfaces: Record<string, unknown>[] }[] = [];
  for (const lab of labs)
    for (const node of lab.nodes.filter((candidate) => candidate.state.kind === 'linux')) {
      const result = await node.exec(['ip', '-json', '-details', 'link', 'show']);
      const links = JSON.parse(result.stdout || '[]') as Record<string, unknown>[];
      const interfaces = links.map((link) => ({
        name: link.ifname,
        alias: link.ifalias ?? '',
        mac: link.address,
        ifindex: link.ifindex,
        mtu: link.mtu,
        type: (link.linkinfo as { info_kind?: string } | undefined)?.info_kind ?? link.link_type,
        state: String(link.operstate ?? '').toLowerCase(),
      }));
      shown.push({ name: node.longName, interfaces });
    }
  if (format === 'json') output.stdout(`${JSON.stringify(shown, null, 2)}\n`);
  else
    output.stdout(
      formatTable(
        ['NAME', 'INTERFACE', 'MAC', 'MTU', 'TYPE', 'STATE'],
        shown.flatMap(({ name, interfaces }) =>
          interfaces.map((link) => [
            name,
            ...[link.name, link.mac, link.mtu, link.type, link.state].map(String),
          ]),
        ),
      ),
    );
  return 0;
}
