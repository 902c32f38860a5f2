// What the log tells of sessions, counted for the metrics.

import type { LogEvent } from 'bgp-utils';

/** Counts what the speaker reports: peers come and go with the datastore, and counters of all of them must never go back. */
export class EventCounts {
  established = 0;
  lost = 0;
  notificationsReceived = 0;
  notificationsSent = 0;
  updateErrors = 0;
  connectionsRefused = 0;

  count(event: LogEvent): void {
    switch (event.event) {
      case 'session':
        if (event.to === 'Established') this.established++;
        else if (event.from === 'Established') this.lost++;
        return;
      case 'notification-received':
        this.notificationsReceived++;
        return;
      case 'notification-sent':
        this.notificationsSent++;
        return;
      case 'update-error':
        this.updateErrors++;
        return;
      case 'connection-refused':
        this.connectionsRefused++;
        return;
      default:
        return; // told in the log alone
    }
  }
}
