// The end of sms: SIGTERM or SIGINT drains, a second one ends at once.
#ifndef SPEAR_SMS_SHUTDOWN_H
#define SPEAR_SMS_SHUTDOWN_H

#include "sms/sms.h"

// Watches for the signals on loop 0; call on the thread that will run it. When the drain is over the loops are stopped.
void shutdown_watch(struct sms *s);

#endif
