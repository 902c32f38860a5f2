// Carries out a plan, operation by operation, and keeps the lab's state on disk ahead of it: whatever exists at any
// moment of a deployment, destroy finds.

import { startProcess } from './background.ts';
import {
  addNamespace,
  execInside,
  type Failure,
  holdGround,
  holdNode,
  type Inside,
  ipIn,
  setSysctl,
} from './namespaces.ts';
import type { Operation } from './operation.ts';
import { run, until } from './process.ts';
import type { LabDirectory, LabState } from './state.ts';
import { joinWords } from './words.ts';

export interface DeployResult {
  readonly state: LabState;
  /** All that failed. A failed command line of a node's `exec` is one, and the rest goes on, as with containerlab. */
  readonly failures: readonly string[];
}

/** Runs the operations in order; the first that fails, other than a command line, ends it. */
export async function deploy(
  operations: readonly Operation[],
  initial: LabState,
  directory: LabDirectory,
  report: (line: string) => void,
  signal?: AbortSignal,
): Promise<DeployResult> {
  const deployment = new Deployment(initial, directory, report);
  directory.write(initial);
  for (const operation of operations) {
    const failed = signal?.aborted ? 'interrupted' : await deployment.carryOut(operation);
    if (failed === undefined) continue;
    const node = 'node' in operation && operation.node !== undefined ? `node ${operation.node}: ` : '';
    deployment.failures.push(`${node}${failed}`);
    if (signal?.aborted || (operation.type !== 'exec' && operation.type !== 'host-exec')) break;
  }
  return { state: deployment.state, failures: deployment.failures };
}

class Deployment {
  readonly failures: string[] = [];
  private readonly commands = new Map<string, { readonly exited: () => boolean }>();

  constructor(
    public state: LabState,
    private readonly directory: LabDirectory,
    private readonly report: (line: string) => void,
  ) {}

  async carryOut(operation: Operation): Promise<Failure> {
    switch (operation.type) {
      case 'namespace':
        return addNamespace(operation.namespace);
      case 'ground': {
        const ground = await holdGround(operation.namespace, operation.mountPoints);
        if (typeof ground === 'string') return ground;
        this.update({ ...this.state, ground });
        return undefined;
      }
      case 'hold': {
        this.report(`node ${operation.node}`);
        const path = this.directory.nodeDirectory(operation.node);
        const holder = await holdNode(operation.namespace, this.state.ground!, operation.mounts, path);
        if (typeof holder === 'string') return holder;
        const nodes = this.state.nodes.map((node) =>
          node.name === operation.node ? { ...node, holder } : node,
        );
        this.update({ ...this.state, nodes });
        return undefined;
      }
      case 'sysctl':
        return setSysctl(this.inside(operation.node).namespace!, operation.key, operation.value);
      case 'ip':
        return ipIn(operation.namespace, operation.args);
      case 'start': {
        const known = await execInside(this.inside(operation.node), [
          'sh',
          '-c',
          'command -v "$1"',
          'sh',
          operation.words[0]!,
        ]);
        if (known.code !== 0)
          return `cmd: there is no program \`${operation.words[0]}\`; install it on this machine`;
        const started = startProcess(this.directory, this.state, operation.node, operation.words, {
          name: 'cmd',
        });
        this.commands.set(operation.node, { exited: () => started.result !== undefined });
        return started.failure;
      }
      case 'exec':
        return told(operation, await execInside(this.inside(operation.node), operation.words));
      case 'host-exec':
        return told(operation, await run(operation.words));
      case 'delay':
        this.report(`node ${operation.node}: startup-delay ${operation.seconds} s`);
        await new Promise((resolve) => setTimeout(resolve, operation.seconds * 1000));
        return undefined;
      case 'await-healthy':
        return this.awaitHealthy(operation);
      case 'await-exit': {
        const command = this.commands.get(operation.node);
        if (!command) return undefined; // without cmd there is nothing that could run on
        const ended = await until(command.exited, EXIT_DEADLINE_MS, 50);
        return ended ? undefined : `cmd has not ended within ${EXIT_DEADLINE_MS / 1000} s`;
      }
    }
  }

  /** As Docker counts: every interval a probe, `retries` failures in a row after the start period are too many. */
  private async awaitHealthy(operation: Operation & { type: 'await-healthy' }): Promise<Failure> {
    const { check, node } = operation;
    const began = performance.now();
    for (let failures = 0; ; ) {
      const result = await execInside(this.inside(node), check.test, {
        timeoutMs: check.timeoutSeconds * 1000,
      });
      if (result.code === 0) return undefined;
      if (performance.now() - began >= check.startPeriodSeconds * 1000) failures++;
      if (failures >= check.retries)
        return `not healthy: \`${joinWords(check.test)}\` ends with ${result.code}: ${result.stderr.trim()}`;
      await new Promise((resolve) => setTimeout(resolve, check.intervalSeconds * 1000));
    }
  }

  private inside(node: string): Inside {
    const found = this.state.nodes.find((candidate) => candidate.name === node);
    if (!found) throw new Error(`the plan names node ${node}, which the lab does not have`);
    return found;
  }

  private update(state: LabState): void {
    this.state = state;
    this.directory.write(state);
  }
}

const EXIT_DEADLINE_MS = 120_000;

function told(
  operation: { readonly words: readonly string[]; readonly path: string },
  result: { readonly code: number; readonly stdout: string; readonly stderr: string },
): Failure {
  if (result.code === 0) return undefined;
  const cause = (result.stderr.trim() || result.stdout.trim()).split('\n').join('\n    ');
  return `\`${joinWords(operation.words)}\` (${operation.path}) failed with exit code ${result.code}: ${cause}`;
}
