// The two communities of long-lived graceful restart (RFC 9494 §3.3, §3.4): a route that was kept beyond the restart time
// says so wherever it goes, and a route can say that it must not be kept so.

import type { PathAttributes } from '../wire/attribute/path-attributes.ts';
import { WELL_KNOWN_COMMUNITY } from '../wire/constants.ts';

export const isLongLivedStale = ({ communities }: PathAttributes): boolean =>
  communities?.includes(WELL_KNOWN_COMMUNITY.LLGR_STALE) === true;

export const mayBeLongLived = ({ communities }: PathAttributes): boolean =>
  communities?.includes(WELL_KNOWN_COMMUNITY.NO_LLGR) !== true;

export const longLivedStale = (attributes: PathAttributes): PathAttributes =>
  isLongLivedStale(attributes)
    ? attributes
    : {
        ...attributes,
        communities: [...(attributes.communities ?? []), WELL_KNOWN_COMMUNITY.LLGR_STALE],
      };
