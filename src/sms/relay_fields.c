// Which header fields cross a gateway, and which it adds; see relay_fields.h. Next step: relay.c.
#include "sms/relay_fields.h"

#include "base/mem.h"
#include "model/token.h"
#include "net/http_fields.h"
#include "sms/auth.h"

enum { ADDED_MAX = 6, TEXT_MAX = 16 * 1024, LOCATION_BYTES_MAX = 1024 };

// RFC 9110 §7.6.1, and what the two HTTP libraries set themselves.
static const char *const hop_by_hop[] = {"connection",
                                         "proxy-connection",
                                         "keep-alive",
                                         "te",
                                         "trailer",
                                         "transfer-encoding",
                                         "upgrade",
                                         "host",
                                         "date",
                                         "expect",
                                         "proxy-authorization",
                                         "content-length",
                                         "via",
                                         "x-spear-relay",
                                         "x-spear-caller",
                                         "x-forwarded-for",
                                         "x-node-http-addr",
                                         "proxy-authenticate"};

static bool is_listed(struct span list, struct span name) {
    struct span part;
    while (span_next(&list, ',', &part)) {
        part = span_trim(part);
        if (part.n == name.n && strncasecmp(part.p, name.p, name.n) == 0) {
            return true;
        }
    }
    return false;
}

// The Connection field of either message names more fields that end here.
static bool is_named_by_connection(const struct http_header *headers, size_t count, struct span name) {
    for (size_t i = 0; i < count; i++) {
        if (span_equal_nocase(headers[i].name, "connection") && is_listed(headers[i].value, name)) {
            return true;
        }
    }
    return false;
}

static bool is_name(struct span name) {
    for (size_t i = 0; i < name.n; i++) {
        unsigned char c = (unsigned char)name.p[i];
        if (c <= ' ' || c >= 0x7f || c == ':') {
            return false;
        }
    }
    return name.n > 0;
}

static bool crosses(const struct http_header *headers, size_t count, const struct http_header *field) {
    for (size_t i = 0; i < COUNT_OF(hop_by_hop); i++) {
        if (span_equal_nocase(field->name, hop_by_hop[i])) {
            return false;
        }
    }
    if (span_equal_nocase(field->name, "authorization") && token_is_within(field->value)) {
        return false;
    }
    return is_name(field->name) && http_field_value_ok(field->value) &&
           !is_named_by_connection(headers, count, field->name);
}

// Every value of a field, as one list with ours at its end (RFC 9110 §5.3).
static void join_values(const struct http_header *headers, size_t count, const char *name, const char *ours,
                        struct buf *to) {
    buf_init(to, TEXT_MAX);
    for (size_t i = 0; i < count; i++) {
        if (span_equal_nocase(headers[i].name, name) && http_field_value_ok(headers[i].value)) {
            buf_printf(to, "%.*s, ", SPAN_ARGS(headers[i].value));
        }
    }
    buf_append_text(to, ours);
}

static void add(struct relay_fields *f, struct span name, struct span value) {
    f->list[f->count++] = (struct http_header){name, value};
}

static void copy_crossing(const struct http_header *headers, size_t count, struct relay_fields *ret) {
    *ret = (struct relay_fields){.content_length = -1};
    ret->list = mem_calloc(count + ADDED_MAX, sizeof *ret->list);
    for (size_t i = 0; i < count; i++) {
        uint64_t length = 0;
        if (crosses(headers, count, &headers[i])) {
            ret->list[ret->count++] = headers[i];
        } else if (span_equal_nocase(headers[i].name, "content-length") && span_to_u64(headers[i].value, &length) &&
                   length <= INT64_MAX) {
            ret->content_length = (int64_t)length;
        }
    }
    join_values(headers, count, "via", "1.1 sms", &ret->via);
    add(ret, SPAN_LITERAL("Via"), buf_span(&ret->via));
}

// The client's address without its port, IPv6 without brackets.
static char *peer_host(struct http_exchange *x) {
    struct span peer = span_of(http_peer_address(x)), host;
    uint16_t port;
    return span_dup(http_split_address(peer, &host, &port) ? host : peer);
}

// In place of what the client claims.
static void set_forwarded_host(struct http_exchange *x, struct relay_fields *f) {
    size_t kept = 0;
    for (size_t i = 0; i < f->count; i++) {
        if (!span_equal_nocase(f->list[i].name, "x-forwarded-host")) {
            f->list[kept++] = f->list[i];
        }
    }
    f->count = kept;
    add(f, SPAN_LITERAL("X-Forwarded-Host"), http_header_value(x, "host"));
}

void relay_fields_request(struct http_exchange *x, bool is_trigger, const char *relay_token, struct relay_fields *ret) {
    size_t count = 0;
    const struct http_header *headers = http_headers(x, &count);
    copy_crossing(headers, count, ret);
    AUTO_FREE char *host = peer_host(x);
    join_values(headers, count, "x-forwarded-for", host, &ret->forwarded);
    add(ret, SPAN_LITERAL("X-Forwarded-For"), buf_span(&ret->forwarded));
    if (is_trigger) {
        set_forwarded_host(x, ret);
    }
    if (relay_token[0] != 0) {
        add(ret, SPAN_LITERAL("X-Spear-Relay"), span_of(relay_token));
        add(ret, SPAN_LITERAL("X-Spear-Caller"), span_of(auth_caller(x)->id));
    }
}

// An execution's record is the node's: where it says "/functions/executions/…" a client of ours needs the node's address.
static void locate_at_node(struct relay_fields *f, const char *scheme, const char *node) {
    for (size_t i = 0; i < f->count; i++) {
        struct http_header *field = &f->list[i];
        if (f->forwarded.n == 0 && span_equal_nocase(field->name, "location") &&
            span_starts_with(field->value, "/functions/executions/") &&
            buf_printf(&f->forwarded, "%s://%s%.*s", scheme, node, SPAN_ARGS(field->value)) == 0)
            field->value = buf_span(&f->forwarded);
    }
}

void relay_fields_answer(const struct http_header *headers, size_t count, const char *scheme, const char *node,
                         struct relay_fields *ret) {
    copy_crossing(headers, count, ret);
    buf_init(&ret->forwarded, LOCATION_BYTES_MAX);
    locate_at_node(ret, scheme, node);
    add(ret, SPAN_LITERAL("X-Node-Http-Addr"), span_of(node));
}

void relay_fields_done(struct relay_fields *f) {
    free(f->list);
    buf_done(&f->forwarded);
    buf_done(&f->via);
}
