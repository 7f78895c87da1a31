// Which address sms is told to reach this node at.
#ifndef SPEAR_SPEARLET_NODE_ADDRESS_H
#define SPEAR_SPEARLET_NODE_ADDRESS_H

#include "base/err.h"

enum { NODE_IP_TEXT = 48 };

struct node_address {
    char ip[NODE_IP_TEXT]; // IPv4 or IPv6, without brackets
    uint16_t port;
};
// The advertised host:port when one is given; else what is bound, and for a wildcard the address that the way to sms
// begins at. Looks names up and so may block. ERR_IO.
int node_address_find(const char *advertise_addr, const char *bound_addr, const char *sms_http_addr,
                      struct node_address *ret, struct err *e);

#endif
