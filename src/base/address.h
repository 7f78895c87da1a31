// "host:port" as users write it: a name, an IPv4 address or an IPv6 address in brackets, then a decimal port.
#ifndef SPEAR_BASE_ADDRESS_H
#define SPEAR_BASE_ADDRESS_H

#include "base/span.h"

enum { ADDRESS_HOST_MAX = 255 };

// Splits and checks; the host comes without the brackets. Port 0 is accepted (the system picks one when listening).
// False, with the outputs untouched, when text is not of that form.
bool address_split(struct span text, struct span *ret_host, uint16_t *ret_port);
// True for "host:port" with a host that only this machine reaches: an IPv4 address of 127.0.0.0/8, or ::1. A name never is
// one, as what it stands for can change.
bool address_is_loopback(struct span text);

#endif
