// Paths of HTTP triggers, /e/{endpoint}[/…], as they were sent: percent-encoded, cut at their slashes. Pure functions.
#ifndef SPEAR_SMS_ENDPOINT_PATH_H
#define SPEAR_SMS_ENDPOINT_PATH_H

#include "base/buf.h"

// The longest part of the path behind its first segment ("/e") that could be an endpoint, decoded. Initialises *ret. An
// encoded slash separates nothing: what has one in it is no part of an endpoint.
void endpoint_path_read(struct span path, struct buf *ret);
// The path behind that endpoint, which leads it: "" or "/…", as it was sent.
struct span endpoint_path_rest(struct span path, struct span endpoint);

#endif
