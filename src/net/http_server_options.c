// From the settled options to the server's configuration.
#include "net/http_server_options.h"

#include "base/mem.h"

#include <stdio.h>

bool http_server_options_read(const struct options *o, uint64_t descriptors, struct http_server_config *config) {
    config->connections_max = options_number(o, "connections-max");
    config->connections_per_client_max = options_number(o, "connections-per-client-max");
    config->loopback_unlimited = !options_is_set(o, "connections-per-client-max");
    config->answers_max_bytes = options_number(o, "answers-memory-max");
    config->header_timeout_ms = options_number(o, "header-timeout");
    config->body_timeout_ms = options_number(o, "body-timeout");
    config->write_timeout_ms = options_number(o, "write-timeout");
    config->idle_timeout_ms = options_number(o, "idle-timeout");
    if (config->connections_max <= descriptors / 2)
        return true;
    config->connections_max = descriptors > 2 ? descriptors / 2 : 1;
    return false;
}

enum { NAME_BYTES = 64 };

// "" counts as not given, so that a flag can take back what a file says.
static const char *path_or_null(const struct options *o, const char *name) {
    const char *path = options_text(o, name);
    return path && path[0] ? path : NULL;
}

static int goes_with(const char *given, const char *missing, struct err *e) {
    return err_set(e, ERR_INVALID_CONFIGURATION, "%s needs %s as well", given, missing);
}

static int check_pair(const struct tls_files *files, const char *cert, const char *key, struct err *e) {
    if (files->cert && !files->key)
        return goes_with(cert, key, e);
    return files->key && !files->cert ? goes_with(key, cert, e) : 0;
}

int http_server_options_tls(const struct options *o, struct tls_credentials **ret, struct err *e) {
    struct tls_files files = {
        .cert = path_or_null(o, "tls-cert"), .key = path_or_null(o, "tls-key"), .ca = path_or_null(o, "tls-client-ca")};
    *ret = NULL;
    if (check_pair(&files, "tls-cert", "tls-key", e) < 0)
        return -1;
    if (files.ca && !files.cert)
        return goes_with("tls-client-ca", "tls-cert and tls-key", e);
    return files.cert ? tls_credentials_new(&files, true, ret, e) : 0;
}

int http_client_options_tls(const struct options *o, const char *name, struct tls_credentials **ret, struct err *e) {
    char ca[NAME_BYTES], cert[NAME_BYTES], key[NAME_BYTES];
    snprintf(ca, sizeof ca, "%s-tls-ca", name);
    snprintf(cert, sizeof cert, "%s-tls-cert", name);
    snprintf(key, sizeof key, "%s-tls-key", name);
    struct tls_files files = {.cert = path_or_null(o, cert), .key = path_or_null(o, key), .ca = path_or_null(o, ca)};
    *ret = NULL;
    if (check_pair(&files, cert, key, e) < 0)
        return -1;
    if (files.cert && !files.ca)
        return goes_with(cert, ca, e);
    return files.ca ? tls_credentials_new(&files, false, ret, e) : 0;
}
