// What a handler asks about a request, and the memory that goes with it. No I/O here.
#include "net/http_internal.h"

#include "base/encode.h"

#include <arpa/inet.h>

enum { COLLECTED_KEPT_BYTES = 64 * 1024 }; // a larger body's memory is given back after the exchange

void http_exchange_defer(struct http_exchange *x, void (*fn)(void *arg), void *arg) {
    struct http_cleanup *cleanup = arena_alloc(&x->arena, sizeof *cleanup);
    if (!cleanup) { // the ceiling is met: heap memory of its own, which goes with the rest
        cleanup = NEW(struct http_cleanup);
        cleanup->on_heap = true;
    }
    cleanup->fn = fn;
    cleanup->arg = arg;
    cleanup->next = x->cleanups;
    x->cleanups = cleanup;
}

static void run_cleanups(struct http_exchange *x) {
    for (struct http_cleanup *at = x->cleanups, *next; at; at = next) {
        next = at->next;
        at->fn(at->arg);
        if (at->on_heap)
            free(at);
    }
}

void http_exchange_reset(struct http_exchange *x) {
    run_cleanups(x);
    struct arena arena = x->arena;
    struct buf collected = x->collected;
    arena_reset(&arena);
    if (collected.capacity > COLLECTED_KEPT_BYTES)
        buf_done(&collected);
    else
        buf_reset(&collected);
    *x = (struct http_exchange){.arena = arena, .collected = collected};
}

struct loop *http_exchange_loop(const struct http_exchange *x) {
    return http_connection_of(x)->shard->loop;
}

struct arena *http_arena(struct http_exchange *x) {
    return &x->arena;
}

struct span http_method(const struct http_exchange *x) {
    return x->method;
}

bool http_method_is(const struct http_exchange *x, const char *method) {
    return span_equal_text(x->method, method);
}

struct span http_target(const struct http_exchange *x) {
    return x->target;
}

struct span http_path(const struct http_exchange *x) {
    return x->path;
}

struct span http_query(const struct http_exchange *x) {
    return x->query;
}

// Decodes "%41" and '+' into the arena; false on a bad escape or a full arena.
static bool decode_form(struct http_exchange *x, struct span text, struct span *ret) {
    if (span_find(text, '%') == text.n && span_find(text, '+') == text.n) {
        *ret = text;
        return true;
    }
    char *copy = arena_strdup(&x->arena, text);
    if (!copy)
        return false;
    for (char *plus = copy; (plus = strchr(plus, '+')) != NULL;)
        *plus = ' ';
    struct buf decoded;
    buf_init(&decoded, text.n);
    bool ok = percent_decode(span_make(copy, text.n), &decoded) == 0;
    if (ok) {
        memcpy(copy, buf_text(&decoded), decoded.n);
        *ret = span_make(copy, decoded.n);
    }
    buf_done(&decoded);
    return ok;
}

bool http_query_value(struct http_exchange *x, const char *name, struct span *ret_value) {
    struct span rest = x->query, pair;
    while (span_next(&rest, '&', &pair)) {
        size_t at = span_find(pair, '=');
        struct span key, value = span_slice(pair, at + 1, pair.n);
        if (!decode_form(x, span_slice(pair, 0, at), &key) || !span_equal_text(key, name))
            continue;
        if (!decode_form(x, value, ret_value))
            *ret_value = value; // a bad escape: as it was sent
        return true;
    }
    return false;
}

const struct http_header *http_header(const struct http_exchange *x, const char *name) {
    const struct http_connection *c = http_connection_of(x);
    for (size_t i = 0; i < x->header_count; i++)
        if (span_equal_nocase(c->memory->headers[i].name, name))
            return &c->memory->headers[i];
    return NULL;
}

struct span http_header_value(const struct http_exchange *x, const char *name) {
    const struct http_header *header = http_header(x, name);
    return header ? header->value : (struct span){0};
}

const struct http_header *http_headers(const struct http_exchange *x, size_t *ret_count) {
    const struct http_connection *c = http_connection_of(x);
    *ret_count = x->header_count;
    return c->memory ? c->memory->headers : NULL;
}

bool http_has_body(const struct http_exchange *x) {
    return x->content_length != 0;
}

int64_t http_content_length(const struct http_exchange *x) {
    return x->content_length;
}

const char *http_peer_address(struct http_exchange *x) {
    const struct http_connection *c = http_connection_of(x);
    char text[INET6_ADDRSTRLEN] = "?";
    const char *address;
    if (c->peer.any.sa_family == AF_INET6) {
        inet_ntop(AF_INET6, &c->peer.v6.sin6_addr, text, sizeof text);
        address = arena_printf(&x->arena, "[%s]:%u", text, (unsigned)ntohs(c->peer.v6.sin6_port));
    } else {
        inet_ntop(AF_INET, &c->peer.v4.sin_addr, text, sizeof text);
        address = arena_printf(&x->arena, "%s:%u", text, (unsigned)ntohs(c->peer.v4.sin_port));
    }
    return address ? address : "?";
}

void http_set_user(struct http_exchange *x, void *user) {
    x->user = user;
}

void *http_user(const struct http_exchange *x) {
    return x->user;
}

void http_on_abort(struct http_exchange *x, void (*fn)(void *ctx), void *ctx) {
    x->abort = fn;
    x->abort_ctx = ctx;
    if (fn && x->dropped)
        http_connection_tell_later(http_connection_of(x));
}

void http_abort_on_end(struct http_exchange *x) {
    x->abort_on_end = true;
    http_connection_mark(http_connection_of(x)); // it may have ended already
}
