// Routes that a request asks for, from the speaker's tables: those of one page, so that of a million routes no more are made than are shown.

import {
  FAMILIES,
  type Family,
  familyOfAddress,
  familyOfPrefix,
  type InOrder,
  type PeerId,
  type Prefix,
  type RouteView,
  type Speaker,
} from 'bgp-utils';
import type { PageRequest } from './page.ts';
import type { RouteQuery } from './source.ts';

type SpeakerRoutes = Pick<Speaker, 'routes' | 'advertisedTo' | 'longestMatch'>;

/** What is on the page, and the prefix behind it. */
export function* routeFacts(
  speaker: SpeakerRoutes,
  query: RouteQuery,
  page: PageRequest,
): Generator<RouteView> {
  let routes = 0;
  let last: Prefix | undefined;
  let behind = false;
  for (const route of orderedFacts(speaker, query, page)) {
    if (routes >= page.limit && route.prefix !== last) {
      if (behind) return;
      behind = true;
    }
    routes++;
    last = route.prefix;
    yield route;
  }
}

/** In the order of their prefixes. */
function* orderedFacts(speaker: SpeakerRoutes, query: RouteQuery, page: PageRequest): Generator<RouteView> {
  const { after } = page;
  for (const family of familiesOf(query)) {
    const prefix = query.longest === undefined ? query.prefix : speaker.longestMatch(family, query.longest);
    if (query.longest !== undefined && prefix === undefined) continue;
    if (family === 'ipv4' && after !== undefined && familyOfPrefix(after) === 'ipv6') continue;
    const begin = after !== undefined && familyOfPrefix(after) === family ? after : undefined;
    const which = prefix ?? { after: begin, pageSize: page.limit + 2 };
    if (query.advertised !== undefined)
      yield* advertisedFacts(speaker, query.advertised, family, which, query);
    else if (query.received === undefined) yield* speaker.routes(family, which);
    else {
      for (const route of speaker.routes(family, which, 'received', query.received))
        if (route.source === query.received) yield route;
    }
  }
}

function familiesOf({ family, prefix, longest }: RouteQuery): readonly Family[] {
  const only = family ?? (prefix && familyOfPrefix(prefix)) ?? (longest && familyOfAddress(longest));
  return only === undefined ? FAMILIES : [only];
}

/** What the peer was told; for one prefix also why it was not. */
function* advertisedFacts(
  speaker: SpeakerRoutes,
  peer: PeerId,
  family: Family,
  which: Prefix | InOrder,
  query: RouteQuery,
): Generator<RouteView> {
  for (const { prefix: found, attributes, reason } of speaker.advertisedTo(peer, family, which)) {
    if (attributes === undefined && query.prefix === undefined) continue;
    const [best] = speaker.routes(family, found);
    if (best === undefined) continue;
    const sent = attributes !== undefined;
    yield {
      ...best,
      attributes: attributes ?? best.attributes,
      best: sent,
      multipath: false,
      valid: sent,
      reason,
    };
  }
}
