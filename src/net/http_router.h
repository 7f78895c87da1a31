// Finds the handler of a request by method and path; answers 404 and 405 (with Allow) itself.
#ifndef SPEAR_NET_HTTP_ROUTER_H
#define SPEAR_NET_HTTP_ROUTER_H

#include "net/http_server.h"

struct http_route {
    const char *method; // "GET"; "*" for any. HEAD is served by the GET route where there is no HEAD route.
    const char
        *pattern; // "/api/v1/files/{id}/meta"; "{name}" is one segment (not empty), "{name...}" the rest (may be empty)
    http_handler *handler;
    unsigned access; // who may use it, in the program's own terms; for an http_enter
};

// Called with the route that was found, its parameters read; it calls route->handler(x, ctx), now or later, or answers itself.
typedef void http_enter(struct http_exchange *x, const struct http_route *route, void *ctx);

// Literal segments win over {name}, which wins over {name...}. Answers the exchange in every case (by the handler or
// itself). `enter` may be NULL: the handler is called at once.
void http_route_dispatch(struct http_exchange *x, const struct http_route *routes, size_t route_count,
                         http_enter *enter, void *ctx);
// The percent-decoded value of a path parameter of the matched route; a bad escape was answered 400 before the handler.
struct span http_param(struct http_exchange *x, const char *name);

#endif
