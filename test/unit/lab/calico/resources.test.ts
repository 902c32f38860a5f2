import { encodeResources } from '../../../../src/lab/calico/resources.ts';

const stamp = () => ({ uid: 'u', creationTimestamp: '2026-01-01T00:00:00Z' });
const encode = (text: string) => encodeResources(text, 'f.yaml', stamp);

it('a resource is stored whole under its plural, with what its writer adds and without what only readers see', () => {
  const text = `
apiVersion: projectcalico.org/v3
kind: IPPool
metadata: {name: p, resourceVersion: "12", labels: {a: b}}
spec: {cidr: 10.65.0.0/16}
`;
  expect(encode(text)).toEqual({
    problems: [],
    entries: [
      {
        key: '/calico/resources/v3/projectcalico.org/ippools/p',
        value:
          '{"kind":"IPPool","apiVersion":"projectcalico.org/v3","metadata":{"uid":"u","creationTimestamp":"2026-01-01T00:00:00Z","name":"p","labels":{"a":"b"}},"spec":{"cidr":"10.65.0.0/16"}}',
      },
    ],
  });
});

it('a Node always has a status', () => {
  const [entry] = encode('kind: Node\nmetadata: {name: n}\nspec: {bgp: {ipv4Address: 10.0.0.1/24}}').entries;
  expect(JSON.parse(entry!.value)).toMatchObject({ kind: 'Node', status: {} });
});

it.each([
  ['10.65.0.64/26', '/calico/ipam/v2/host/h/ipv4/block/10.65.0.64-26'],
  ['fd00:65::40/122', '/calico/ipam/v2/host/h/ipv6/block/fd00:65::40-122'],
])('the affinity for %s is the IPAM key %s', (cidr, key) => {
  const text = `kind: BlockAffinity\nmetadata: {name: x}\nspec: {cidr: "${cidr}", node: h}`;
  expect(encode(text).entries).toEqual([{ key, value: '{"state":"confirmed","deleted":false}' }]);
});

it('several documents and lists are taken apart', () => {
  const text = `kind: Node
metadata: {name: a}
---
kind: NodeList
items:
  - {kind: Node, metadata: {name: b}}
  - {kind: Node, metadata: {name: c}}
`;
  expect(encode(text).entries.map((entry) => entry.key.split('/').at(-1))).toEqual(['a', 'b', 'c']);
});

it.each([
  ['kind: Pod\nmetadata: {name: x}', /^f.yaml:1: kind Pod is not one of Node, /],
  ['---\nkind: Node\nspec: {}', /^f.yaml:\d: Node: metadata.name is missing$/],
  ['kind: BlockAffinity\nspec: {cidr: 10.0.0.0, node: h}', /BlockAffinity: spec needs node and cidr/],
  ['just text', /is no resource/],
  ['a: 1\na: 2', /^f.yaml:2: Map keys must be unique/],
])('%j is told with its place, and the rest is still read', (bad, message) => {
  const { problems, entries } = encode(`${bad}\n---\nkind: Node\nmetadata: {name: good}\n`);
  expect(problems).toEqual([expect.stringMatching(message)]);
  expect(entries).toHaveLength(1);
});
