// The daemon: where the real implementations meet, and the only subscription. Opens the kernel, the control socket and the
// datastore, and from then on carries every desired state to the speaker. Ends on SIGTERM or SIGINT.

import { type Address, type Output, Speaker } from 'bgp-utils';
import type { Subscription } from 'rxjs';
import { version } from '../package.json';
import type { RunConfig } from './config/config.ts';
import { WatchedEndpointFiles } from './config/endpoint-status.ts';
import { WatchedSecrets } from './config/secrets.ts';
import { Drain } from './control/drain.ts';
import { type ControlServer, startControlServer } from './control/server.ts';
import type { Datastore } from './datastore/datastore.ts';
import type { PictureKeeper } from './datastore/picture-keeper.ts';
import type { EarlierPicture } from './datastore/watch.ts';
import type { DesiredState } from './desired/desired-state.ts';
import { drainedPeers } from './desired/drain.ts';
import { guardIsolation } from './desired/isolation.ts';
import { fixedRoutes, kernelRule } from './desired/kernel.ts';
import { desiredStates, openDatastore } from './desired/pipeline.ts';
import { NOTHING_APPLIED, reconcile } from './desired/reconcile.ts';
import { restoredRoutes } from './desired/restored.ts';
import { withWorkloads } from './desired/workload-routes.ts';
import { controlSource } from './facts.ts';
import { FibSync } from './fib/sync.ts';
import { type Kernel, KernelUnavailable } from './kernel/kernel.ts';
import { openRtnetlink } from './kernel/netlink/rtnetlink.ts';
import { EventCounts } from './observe/event-counts.ts';
import { LogJournal } from './observe/journal.ts';
import { createLog, type Log } from './observe/log.ts';
import { Report } from './report.ts';
import { monotonicClock as clock } from './speaker/clock.ts';
import { KernelPlane, NoPlane } from './speaker/forwarding.ts';
import { SpeakerLoop } from './speaker/loop.ts';
import { Tcp } from './speaker/tcp.ts';
import type { RunState } from './state/run-state.ts';
import { SessionsNote } from './state/sessions-note.ts';
import {
  connectionFacts,
  type Ending,
  listeners,
  pictureKeeper,
  runState,
  schedule,
  socketOptions,
  untilSignal,
} from './wiring.ts';

const EXIT_REFUSED = 1;

/** How often a change that is held back is judged anew. */
const JUDGE_AGAIN_MS = 5000;

/** @returns the exit code, when the daemon has ended. */
export async function runDaemon(config: RunConfig): Promise<number> {
  const journal = new LogJournal(Date.now());
  const log = createLog({
    level: config.logLevel,
    fields: { node: config.node },
    onLine: (line) => journal.add(line),
  });
  for (const warning of config.warnings) log.warn(warning);
  const kernel = config.kernel === 'none' ? undefined : openRtnetlink();
  if (kernel instanceof KernelUnavailable) {
    log.fatal(`${kernel.message}; or run with --kernel none, which installs no routes`);
    return EXIT_REFUSED;
  }
  return new Daemon(config, log, journal, kernel).run();
}

class Daemon {
  private readonly startedAt = clock.now();
  private readonly speaker = new Speaker();
  private readonly fib: FibSync | undefined;
  private readonly plane: KernelPlane | NoPlane;
  private readonly loop: SpeakerLoop;
  private readonly tcp: Tcp;
  private readonly datastore: Datastore;
  private readonly secrets: WatchedSecrets;
  private readonly endpoints: WatchedEndpointFiles;
  private restarting: boolean;
  private readonly state: RunState;
  /** With `--kernel none`. */
  private readonly note: SessionsNote | undefined;
  private desired: DesiredState | undefined;
  private applied = NOTHING_APPLIED;
  private advertised = false;
  /** Turn of the loop. */
  private drainAskedAt = 0;
  private readonly events = new EventCounts();
  private heldBack: string | undefined;
  private again: NodeJS.Timeout | undefined;
  private readonly report: Report;
  private readonly drain: Drain;
  private readonly keeper: PictureKeeper | undefined;
  private control: ControlServer | undefined;
  private subscription: Subscription | undefined;

  constructor(
    private readonly config: RunConfig,
    private readonly log: Log,
    private readonly journal: LogJournal,
    private readonly kernel: Kernel | undefined,
  ) {
    this.report = new Report(log);
    this.restarting = kernel !== undefined && hasRoutes(kernel);
    const onNextHop = (address: Address, cost: number | undefined, by?: string) =>
      this.loop.feed({ type: 'NextHop', address, cost, interface: by });
    this.fib =
      kernel &&
      new FibSync({
        kernel,
        clock: { now: clock.now, schedule },
        onNextHop,
        onLog: (event) => this.report.fib(event),
        onOthersRoutes: () => this.desired && this.tellSpeaker(this.desired),
        onLinkUp: () => this.loop.feed({ type: 'LinkUp' }),
      });
    this.plane = this.fib === undefined ? new NoPlane(onNextHop) : new KernelPlane(this.fib);
    this.tcp = new Tcp(
      {
        ...connectionFacts(() => this.loop, this.speaker),
        listening: (spec, error) => this.report.listening(spec, error),
        strangers: (count, last) => this.report.strangers(count, last),
      },
      clock.now,
    );
    this.loop = new SpeakerLoop({
      speaker: this.speaker,
      clock,
      tcp: this.tcp,
      forwarding: this.plane,
      onLog: (event) => {
        this.events.count(event);
        log.event(event);
        if (event.event === 'session' && event.to === 'Established') this.note?.note();
      },
      onConverged: (output) => this.converged(output),
    });
    this.state = runState(config, (message) => this.report.stateFolder(message));
    if (kernel === undefined)
      this.note = new SessionsNote(this.state, () => this.speaker.counts().established, clock.now);
    const { drainedSince } = this.state;
    this.drain = new Drain({
      now: clock.now,
      drainedSince: drainedSince === undefined ? undefined : clock.now() - (Date.now() - drainedSince),
      apply: () => this.applyDrain(),
      unsent: () =>
        this.loop.turns === this.drainAskedAt || this.speaker.hasBacklog
          ? undefined
          : this.speaker.peersWithUnsent((connection) => this.tcp.waits(connection)),
    });
    this.datastore = openDatastore(config.datastore);
    this.secrets = new WatchedSecrets(config.secretsDir);
    this.endpoints = new WatchedEndpointFiles(config.endpointStatusDir);
    this.keeper = pictureKeeper(config, this.datastore, (message) => this.report.picture(message));
  }

  async run(): Promise<number> {
    const { config, log } = this;
    log.info(`mesos-bgp ${version} starts`, { settings: config.origins, restarting: this.restarting });
    const control = await this.openControl();
    if (control === undefined) {
      this.close();
      return EXIT_REFUSED;
    }
    this.control = control;
    this.report.drained(this.state.drainedSince);
    this.note?.start();
    const stopped = untilSignal(config.leave, log);
    this.fib?.start();
    this.report.datastore(this.datastore);
    const earlier = await this.readKept();
    const states = desiredStates(this.datastore, {
      node: config.node,
      routerId: config.routerId,
      secrets: this.secrets.read,
      endpointFiles: this.endpoints.read,
      news: [(changed) => this.secrets.listen(changed), (changed) => this.endpoints.listen(changed)],
      earlier,
      keeper: this.keeper,
    });
    this.secrets.listen((passwords) => log.info('passwords in the secrets folder changed', { passwords }));
    this.subscription = states.subscribe({
      next: (desired) => this.apply(desired),
      // The stream repairs itself; what is left is a bug, and the kernel's routes survive us.
      error: (error: unknown) => {
        throw error;
      },
    });
    const how = await stopped;
    await this.end(how);
    return 0;
  }

  /** Level-triggered: brings the speaker, the sockets and the kernel's rule from what was applied to what is desired. */
  private apply(wanted: DesiredState): void {
    const { ipv4, ipv6 } = this.speaker.counts().routes;
    const { state: desired, heldBack } = guardIsolation(wanted, this.desired, this.applied, {
      routesInUse: [ipv4, ipv6].some(({ paths, local }) => paths > local),
      allowed: this.config.allowIsolated,
    });
    this.heldBack = heldBack;
    this.report.heldBack(heldBack);
    clearTimeout(this.again);
    if (heldBack !== undefined) this.again = setTimeout(() => this.apply(wanted), JUDGE_AGAIN_MS);
    this.desired = desired;
    if (this.config.origins.some(({ setting, from }) => setting === 'logLevel' && from === 'default'))
      this.log.setLevel(desired.logLevel);
    this.report.problems(desired.resolution);
    if (this.plane instanceof KernelPlane) {
      const policy = desired.kernel;
      this.plane.setRule(kernelRule(policy), fixedRoutes(policy), policy.ignoredInterfaces);
    }
    this.tcp.setPeers(socketOptions(desired));
    this.tellSpeaker(desired);
    this.tcp.listen(listeners(desired));
  }

  private tellSpeaker(desired: DesiredState): void {
    if (this.applied.speaker === undefined)
      this.restarting ||=
        this.note?.isRestart(desired.peers.map((peer) => peer.gracefulRestartSeconds)) === true;
    const speaker = desired.speaker && {
      ...desired.speaker,
      restarting: this.restarting,
      forwards: this.kernel !== undefined,
    };
    const others = desired.speaker && this.kernel?.othersRoutes();
    const originated = withWorkloads(desired.originated, desired.kernel, others);
    const peers = this.drain.wanted ? drainedPeers(desired.peers) : desired.peers;
    const { inputs, next } = reconcile({ ...desired, speaker, originated, peers }, this.applied);
    this.applied = next;
    if (inputs.length === 0) return;
    this.loop.feed(...inputs);
    this.log.debug('desired state applied', {
      revision: desired.revision,
      inputs: inputs.map(({ type }) => type),
    });
  }

  /** What is left of an earlier run goes soon, unless the speaker wants it: nobody may be there who could have told it. */
  private converged({ waitedFor, gaveUpOn }: Output & { type: 'Converged' }): void {
    this.log.info('first tables complete', { waitedFor, gaveUpOn });
    if (!(this.plane instanceof KernelPlane)) return;
    const routes = restoredRoutes(this.plane.leftovers());
    if (routes.length > 0) this.loop.feed({ type: 'Restore', routes });
  }

  private applyDrain(): void {
    this.drainAskedAt = this.loop.turns;
    this.state.setDrained(this.drain.wanted ? Date.now() : undefined);
    this.log.info(
      this.drain.wanted
        ? 'drain: routes through this node are told as the last to use (RFC 8326)'
        : 'undrain: routes through this node are told as always',
    );
    if (this.desired !== undefined) this.tellSpeaker(this.desired);
    this.loop.feed(); // a turn comes also where nothing is to be told
  }

  /** What an earlier run kept of the datastore. */
  private async readKept(): Promise<EarlierPicture | undefined> {
    const reading = await this.keeper?.read();
    if (reading?.ok === false) this.log.warn(reading.message);
    return reading?.ok ? reading.picture : undefined;
  }

  private async openControl(): Promise<ControlServer | undefined> {
    const { config, log } = this;
    const source = controlSource({
      config,
      version,
      startedAt: this.startedAt,
      clock,
      speaker: this.speaker,
      loop: this.loop,
      tcp: this.tcp,
      fib: this.fib,
      datastore: this.datastore,
      desired: () => this.desired,
      advertised: () => this.ownRoutesAdvertised(),
      heldBack: () => this.heldBack,
      drain: this.drain,
      events: this.events,
      journal: this.journal,
      pictureWrites: () => this.keeper?.written ?? 0,
    });
    const opened = await startControlServer({
      source,
      control: config.control,
      http: config.http,
      report: (level, message) => log[level](message),
      onBug: (err) => log.error('a bug in the control API', { err }),
    });
    if (opened.ok) return opened.server;
    log.fatal(opened.message);
    return undefined;
  }

  /** Stays true: later changes of routes do not unready a node. */
  private ownRoutesAdvertised(): boolean {
    this.advertised ||= this.applied.speaker !== undefined && !this.speaker.hasUnsent();
    return this.advertised;
  }

  private async end(how: Ending): Promise<void> {
    this.log.info(
      how === 'leave' ? 'leaves: routes withdrawn, sessions closed' : 'stops as a restart: routes stay',
    );
    this.subscription?.unsubscribe();
    clearTimeout(this.again);
    this.note?.stop(how === 'leave');
    this.loop.feed({ type: 'Stop', how });
    this.loop.settle();
    this.loop.stop();
    this.tcp.closeAll();
    if (how === 'leave') await this.fib?.removeAll();
    this.close();
    await this.control?.close();
    await this.keeper?.close();
    await this.state.close();
  }

  /** What is open from the start. Kernel routes stay. */
  private close(): void {
    this.fib?.close();
    this.kernel?.close();
    this.datastore.close();
    this.secrets.close();
    this.endpoints.close();
  }
}

/** Routes of ours are in the kernel: an earlier run left them. */
function hasRoutes(kernel: Kernel): boolean {
  for (const { size } of kernel.scan()) if (size > 0) return true;
  return false;
}
