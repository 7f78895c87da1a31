// Reading "sms+file://…". Whether a named host may be asked is decided where modules are fetched.
#include "model/sms_uri.h"

#include "base/address.h"

#include <stdio.h>

#define ACCEPTED_FORMS "accepted: sms+file://<file_id>, sms+file://<host:port>/<file_id>"

static bool is_id_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == '-';
}

static bool is_file_id(struct span id) {
    if (id.n == 0 || id.n > SMS_URI_ID_MAX || span_equal_text(id, ".") || span_equal_text(id, ".."))
        return false;
    for (size_t i = 0; i < id.n; i++)
        if (!is_id_char(id.p[i]))
            return false;
    return true;
}

// A gateway needs a port that can be connected to.
static bool is_gateway(struct span host_port) {
    struct span host;
    uint16_t port;
    return host_port.n <= SMS_URI_HOST_MAX && address_split(host_port, &host, &port) && port != 0;
}

static int refuse(struct err *e, struct span uri, const char *what) {
    return err_set(e, ERR_INVALID_CONFIGURATION, "uri \"%.*s\": %s; " ACCEPTED_FORMS,
                   SPAN_ARGS(span_slice(uri, 0, 400)), what);
}

// What stands behind the scheme; false when it is none of ours.
static bool skip_scheme(struct span uri, struct span *ret_rest) {
    static const char *const schemes[] = {"sms+file://", "smsfile://"};
    for (size_t i = 0; i < 2; i++) {
        if (!span_starts_with_nocase(uri, schemes[i]))
            continue;
        *ret_rest = span_slice(uri, strlen(schemes[i]), uri.n);
        return true;
    }
    return false;
}

static void copy(char *to, struct span s) {
    if (s.n)
        memcpy(to, s.p, s.n);
    to[s.n] = '\0';
}

int sms_uri_parse(struct span uri, struct sms_uri *ret, struct err *e) {
    struct span rest;
    if (uri.n == 0)
        return refuse(e, uri, "it is empty");
    if (!skip_scheme(uri, &rest))
        return refuse(e, uri, "the scheme is unknown");
    size_t slash = span_find(rest, '/');
    bool has_host = slash < rest.n;
    struct span host_port = has_host ? span_slice(rest, 0, slash) : span_of("");
    struct span id = has_host ? span_slice(rest, slash + 1, rest.n) : rest;
    if (has_host && !is_gateway(host_port))
        return refuse(e, uri, "what stands before the slash is not host:port");
    if (id.n == 0)
        return refuse(e, uri, "the file id is empty");
    if (!is_file_id(id))
        return refuse(e, uri, "the file id may hold letters, digits and \"._-\", at most 128 of them");
    copy(ret->host_port, host_port);
    copy(ret->file_id, id);
    return 0;
}

void sms_uri_path(const struct sms_uri *uri, char ret_path[SMS_URI_ID_MAX + 32]) {
    snprintf(ret_path, SMS_URI_ID_MAX + 32, "/api/v1/files/%s", uri->file_id);
}
