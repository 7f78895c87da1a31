// Who asked, for what and through whom, as variables. AUTH_TYPE, PATH_TRANSLATED and REMOTE_USER do not exist here: nobody is
// authenticated and there are no files. Next step: http_invoke.c.
#include "spearlet/cgi_environment.h"

#include "base/address.h"
#include "base/encode.h"
#include "base/version.h"

#include <arpa/inet.h>
#include <stdio.h>

enum { SCRIPT_MAX = 8 * 1024, DEFAULT_PORT = 80 };

static int set(struct guest_environment *env, const char *key, struct span value, struct err *e) {
    return guest_environment_set(env, span_of(key), value, e);
}

// ---- the client

static bool is_address(struct span text) {
    char copy[INET6_ADDRSTRLEN];
    unsigned char bytes[sizeof(struct in6_addr)];
    if (text.n == 0 || text.n >= sizeof copy)
        return false;
    memcpy(copy, text.p, text.n);
    copy[text.n] = '\0';
    return inet_pton(AF_INET, copy, bytes) == 1 || inet_pton(AF_INET6, copy, bytes) == 1;
}

static struct span remote_address(struct http_exchange *x) {
    struct span list = http_header_value(x, "x-forwarded-for"), part, last = {0}, host;
    uint16_t port;
    while (span_next(&list, ',', &part))
        last = span_trim(part);
    if (is_address(last))
        return last;
    struct span peer = span_of(http_peer_address(x));
    return address_split(peer, &host, &port) ? host : peer;
}

static int add_client(struct guest_environment *env, struct http_exchange *x, struct err *e) {
    struct span address = remote_address(x);
    return set(env, "REMOTE_ADDR", address, e) < 0 || set(env, "REMOTE_HOST", address, e) < 0 ? -1 : 0;
}

// ---- the server that he asked

static int add_server(struct guest_environment *env, struct http_exchange *x, struct err *e) {
    const struct http_header *forwarded = http_header(x, "x-forwarded-host");
    struct span host = forwarded ? forwarded->value : http_header_value(x, "host"), name = host;
    uint16_t port = DEFAULT_PORT;
    char port_text[8];
    (void)address_split(host, &name, &port); // a host alone stays as it is
    snprintf(port_text, sizeof port_text, "%u", (unsigned)port);
    if (set(env, "SERVER_NAME", name, e) < 0 || set(env, "SERVER_PORT", span_of(port_text), e) < 0)
        return -1;
    return set(env, "HTTP_HOST", host, e);
}

// ---- the path

static int add_path_info(struct guest_environment *env, struct span rest, struct err *e) {
    struct buf decoded;
    buf_init(&decoded, rest.n + 1);
    int result = percent_decode(rest, &decoded) == 0
                     ? set(env, "PATH_INFO", buf_span(&decoded), e)
                     : err_set(e, ERR_INVALID_REQUEST, "the path \"%.*s\" has a bad escape", SPAN_ARGS(rest));
    buf_done(&decoded);
    return result;
}

static int add_path(struct guest_environment *env, struct http_exchange *x, const struct task *task, struct span rest,
                    struct err *e) {
    struct span query = http_query(x);
    struct buf uri;
    buf_init(&uri, (size_t)2 * SCRIPT_MAX + rest.n + query.n);
    if (task->endpoint[0])
        buf_printf(&uri, "/e/%s", task->endpoint);
    else // asked directly
        buf_printf(&uri, "/tasks/%s/http", task->name);
    int result = set(env, "SCRIPT_NAME", buf_span(&uri), e);
    buf_append_span(&uri, rest);
    if (query.n)
        buf_append_char(&uri, '?');
    buf_append_span(&uri, query);
    if (result == 0)
        result = set(env, "REQUEST_URI", buf_span(&uri), e);
    buf_done(&uri);
    return result < 0 ? -1 : add_path_info(env, rest, e);
}

int cgi_environment_add(struct guest_environment *env, struct http_exchange *x, const struct task *task,
                        struct span rest, struct err *e) {
    if (set(env, "GATEWAY_INTERFACE", SPAN_LITERAL("CGI/1.1"), e) < 0 ||
        set(env, "SERVER_PROTOCOL", SPAN_LITERAL("HTTP/1.1"), e) < 0 ||
        set(env, "SERVER_SOFTWARE", SPAN_LITERAL("SPEAR/" SPEAR_VERSION), e) < 0)
        return -1;
    return add_client(env, x, e) < 0 || add_server(env, x, e) < 0 ? -1 : add_path(env, x, task, rest, e);
}
