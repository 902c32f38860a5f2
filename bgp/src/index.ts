// The public names of bgp-utils.
export * from './net/address.ts';
export { assertNever } from './net/assert.ts';
export * from './net/family.ts';
export * from './net/prefix.ts';
export * from './net/time.ts';
export {
  ORIGIN_STATES,
  type OriginBlock,
  type OriginCheckConfig,
  type OriginNode,
  type OriginState,
  type OriginVerdict,
} from './policy/origin-check.ts';
export * from './policy/policy.ts';
export { grown, IdQueue } from './rib/columns.ts';
export { type Decision, STEPS, TIE_BREAKERS } from './rib/decision.ts';
export { type Mutable, PrefixTable } from './rib/prefix-table.ts';
export * from './route/route.ts';
export { describeEnd } from './session/action.ts';
export type { RoleSetting } from './session/role.ts';
export { PEER_CHANGES, type SettingChange } from './speaker/changes.ts';
export type { InOrder } from './speaker/in-order.ts';
export * from './speaker/input.ts';
export * from './speaker/inspect.ts';
export * from './speaker/output.ts';
export type { ForwardingVisitor } from './speaker/routing.ts';
export { Speaker } from './speaker/speaker.ts';
export * from './wire/attribute/path-attributes.ts';
export * from './wire/attribute/table.ts';
export * from './wire/capability.ts';
export * from './wire/constants.ts';
export * from './wire/context.ts';
export * from './wire/framer.ts';
export * from './wire/keepalive.ts';
export * from './wire/message.ts';
export * from './wire/nlri.ts';
export * from './wire/notification.ts';
export * from './wire/open.ts';
export * from './wire/reader.ts';
export * from './wire/route-refresh.ts';
export * from './wire/update.ts';
export * from './wire/writer.ts';
