// A node of a topology file: its layers merged, its fields read and checked.

import { dirname, isAbsolute, resolve } from 'node:path';
import type { FieldReader, Values } from './field-reader.ts';
import { merge, type NodeFields } from './merge.ts';
import type { Path } from './source.ts';
import { type Bind, type Healthcheck, type Kind, longName, type NodeSpec, STAGES } from './spec.ts';
import type { ParseContext } from './topology.ts';

/** What nodes take values from, the least specific first. */
export interface Layers {
  readonly defaults: Values;
  readonly kinds: Values;
  readonly groups: Values;
}

export class NodeReader {
  constructor(
    private readonly reader: FieldReader,
    private readonly context: ParseContext,
    private readonly layers: Layers,
    private readonly lab: { readonly name: string; readonly prefix: string },
  ) {}

  /** @param own  as the file has it for this node alone. */
  read(name: string, own: Values, path: Path): NodeSpec {
    return this.node(name, this.effective(own, path));
  }

  /** Node over group over kind over defaults; the kind itself may come from any of the others. */
  private effective(own: Values, path: Path): NodeFields {
    const { layers } = this;
    const groupName = this.reader.text(own.group ?? layers.defaults.group, [...path, 'group']);
    const group = groupName === undefined ? {} : layers.groups[groupName];
    if (group === undefined)
      this.reader.problem([...path, 'group'], `"${groupName}" is not in topology.groups`);
    const groupValues = this.reader.record(group ?? {}, ['topology', 'groups', groupName ?? '']);
    const kind = this.reader.text(own.kind ?? groupValues.kind ?? layers.defaults.kind, [...path, 'kind']);
    const kindValues = this.reader.record(layers.kinds[kind ?? ''] ?? {}, ['topology', 'kinds', kind ?? '']);
    return merge([
      { values: layers.defaults, path: ['topology', 'defaults'] },
      { values: kindValues, path: ['topology', 'kinds', kind ?? ''] },
      { values: groupValues, path: ['topology', 'groups', groupName ?? ''] },
      { values: { ...own, kind }, path },
    ]);
  }

  private node(name: string, fields: NodeFields): NodeSpec {
    const { lab } = this;
    for (const unknown of fields.unknown)
      this.reader.problem(unknown.path, 'is no field of a node in containerlab; look for a typing error');
    for (const wrong of fields.notLists) this.reader.problem(wrong, 'should be a list');
    for (const ignored of fields.ignored) this.reader.warn(ignored, 'has no effect here');
    const { values, pathOf } = fields;
    const text = (key: string) => this.reader.text(values[key], pathOf(key));
    const seconds = (key: string) => this.reader.number(values[key], pathOf(key)) ?? 0;
    const networkMode = text('network-mode');
    if (networkMode !== undefined && !['none', 'bridge', ''].includes(networkMode))
      this.reader.problem(
        pathOf('network-mode'),
        `"${networkMode}" cannot be had here: leave it out, or say none (no management interface)`,
      );
    const kind = this.kind(text('kind'), pathOf('kind'));
    const stages = this.stages(values.stages, pathOf('stages'));
    return {
      name,
      longName: longName(lab.prefix, lab.name, name),
      kind,
      group: text('group') ?? '',
      image: text('image') ?? '',
      hostname: text('hostname') ?? name,
      cmd: this.reader.command(values.cmd, pathOf('cmd')),
      exec: fields.exec.flatMap((line) => this.reader.command(line.value, line.path) ?? []),
      ...this.environment(fields),
      labels: this.reader.strings(values.labels, pathOf('labels')),
      sysctls: this.reader.strings(values.sysctls, pathOf('sysctls')),
      binds: this.binds(fields),
      managed: kind === 'linux' && networkMode !== 'none',
      mgmtIpv4: text('mgmt-ipv4'),
      mgmtIpv6: text('mgmt-ipv6'),
      startupDelaySeconds: seconds('startup-delay'),
      ...stages,
      healthcheck: this.healthcheck(values.healthcheck, pathOf('healthcheck')),
    };
  }

  private kind(given: string | undefined, path: Path): Kind {
    const kind = this.context.kindMap?.[given ?? ''] ?? given;
    if (kind === 'linux' || kind === 'bridge' || kind === 'host') return kind;
    if (kind === undefined) this.reader.problem(path, 'kind is required: linux, bridge or host');
    else
      this.reader.problem(
        path,
        `kind "${kind}" needs an image, and namespaces have none; linux, bridge and host work, or map it with --kind-map ${kind}=linux`,
      );
    return 'linux';
  }

  private environment(fields: NodeFields): Pick<NodeSpec, 'env' | 'importEnv'> {
    const env: Record<string, string> = {};
    for (const { value, path } of fields.envFiles) {
      const name = this.reader.text(value, path);
      if (name === undefined) continue;
      const file = resolve(dirname(this.context.file), name);
      const content = this.context.readFile?.(file);
      if (content === undefined) this.reader.problem(path, `cannot read ${file}`);
      for (const line of (content ?? '').split(/\r?\n/)) {
        const pair = /^\s*(?:export\s+)?([A-Za-z_]\w*)=(.*)$/.exec(line);
        if (pair) env[pair[1]!] = pair[2]!.replace(/^(["'])(.*)\1$/, '$2');
      }
    }
    const own = this.reader.strings(fields.values.env, fields.pathOf('env'));
    const { __IMPORT_ENVS, ...rest } = { ...env, ...own };
    return { env: rest, importEnv: __IMPORT_ENVS === 'true' };
  }

  private binds(fields: NodeFields): readonly Bind[] {
    const byTarget = new Map<string, Bind>(); // the same target: the more specific wins
    for (const { value, path } of fields.binds) {
      const text = this.reader.text(value, path);
      if (text === undefined) continue;
      const [source = '', target = '', options = '', more] = text.split(':');
      if (!source || !target || more !== undefined || !isAbsolute(target)) {
        this.reader.problem(path, `"${text}" is no bind: source:/absolute/target[:ro]`);
        continue;
      }
      const absolute = source.startsWith('__clab') ? source : resolve(dirname(this.context.file), source);
      byTarget.set(target, { source: absolute, target, readOnly: options.split(',').includes('ro') });
    }
    return [...byTarget.values()];
  }

  private stages(value: unknown, path: Path): Pick<NodeSpec, 'waitFor' | 'stageExec'> {
    const waitFor: NodeSpec['waitFor'][number][] = [];
    const stageExec: NodeSpec['stageExec'][number][] = [];
    for (const [name, fields] of Object.entries(this.reader.record(value, path))) {
      const at = this.reader.oneOf(name, STAGES, [...path, name]);
      const stage = this.reader.record(fields, [...path, name]);
      this.reader.known(stage, ['wait-for', 'exec'], [...path, name]);
      if (at === undefined) continue;
      for (const [index, entry] of this.reader
        .list(stage['wait-for'], [...path, name, 'wait-for'])
        .entries()) {
        const where = [...path, name, 'wait-for', index];
        const wait = this.reader.record(entry, where);
        const node = this.reader.text(wait.node, [...where, 'node']);
        const reached = this.reader.oneOf(wait.stage, STAGES, [...where, 'stage']);
        if (node !== undefined && reached !== undefined) waitFor.push({ at, node, stage: reached });
      }
      for (const [index, entry] of this.reader.list(stage.exec, [...path, name, 'exec']).entries()) {
        const where = [...path, name, 'exec', index];
        const fields = this.reader.record(entry, where);
        const command = this.reader.command(fields.command, [...where, 'command']);
        const phase = this.reader.oneOf(fields.phase ?? 'on-enter', ['on-enter', 'on-exit'] as const, where);
        const target = this.reader.oneOf(fields.target ?? 'container', ['container', 'host'] as const, where);
        if (command && phase && target) stageExec.push({ at, phase, target, command });
      }
    }
    return { waitFor, stageExec };
  }

  private healthcheck(value: unknown, path: Path): Healthcheck | undefined {
    if (value === undefined) return undefined;
    const fields = this.reader.record(value, path);
    const test = this.reader.list(fields.test, [...path, 'test']).map(String);
    const number = (key: string, otherwise: number) =>
      this.reader.number(fields[key], [...path, key]) ?? otherwise;
    const [form, ...words] = test;
    if (form !== 'CMD' && form !== 'CMD-SHELL')
      this.reader.problem([...path, 'test'], 'starts with CMD (words) or CMD-SHELL (one line for sh)');
    return {
      test: form === 'CMD-SHELL' ? ['sh', '-c', words.join(' ')] : words,
      intervalSeconds: number('interval', 30),
      timeoutSeconds: number('timeout', 30),
      retries: number('retries', 3),
      startPeriodSeconds: number('start-period', 0),
    };
  }
}
