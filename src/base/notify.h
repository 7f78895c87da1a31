// The readiness protocol of systemd (sd_notify(3)): one datagram of "KEY=value" lines to $NOTIFY_SOCKET.
//
// systemd, `spear up` and the tests all wait for a daemon this way; X_SPEAR_HTTP_ADDR carries the address it serves.
#ifndef SPEAR_BASE_NOTIFY_H
#define SPEAR_BASE_NOTIFY_H

// Sends the state text; does nothing without NOTIFY_SOCKET. Returns 0, or -1 with errno.
int notify_send(const char *state);
void notify_ready(const char *http_address); // READY=1 and X_SPEAR_HTTP_ADDR
void notify_stopping(void);                  // STOPPING=1
void notify_watchdog(void);                  // WATCHDOG=1, dropped when the receiver is behind; see watchdog.h

#endif
