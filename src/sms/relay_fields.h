// Which header fields cross a gateway, and which it adds (RFC 9110 §7.6). Pure functions.
#ifndef SPEAR_SMS_RELAY_FIELDS_H
#define SPEAR_SMS_RELAY_FIELDS_H

#include "base/buf.h"
#include "net/http_server.h"

struct relay_fields {
    struct http_header *list;
    size_t count;
    struct buf forwarded, via; // texts that the list refers to
    int64_t content_length;    // of the message they came from; -1 when it had none
};

// For the node: end-to-end fields of the request, X-Forwarded-For and Via with us added; for a trigger also
// X-Forwarded-Host, which is the Host that the client asked (never one that it claims).
// A token of ours never crosses; in its place the node gets `relay_token` (X-Spear-Relay; "" for none), which it gave us, and
// the id of the token that asks (X-Spear-Caller). Both live as long as the exchange and the caller's text.
void relay_fields_request(struct http_exchange *x, bool is_trigger, const char *relay_token, struct relay_fields *ret);
// For the client: end-to-end fields of the node's answer, Via, and x-node-http-addr; the Location of an execution's record
// gets the node's address. The other texts stay the node's.
void relay_fields_answer(const struct http_header *headers, size_t count, const char *scheme, const char *node,
                         struct relay_fields *ret);
void relay_fields_done(struct relay_fields *f);

#endif
