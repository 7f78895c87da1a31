// The settings that every program with an HTTP server has, as rows for its table of options: HTTP_SERVER_OPTIONS("SMS", …);
// and those of a client that speaks TLS: HTTP_CLIENT_OPTIONS("SMS", …).
#ifndef SPEAR_NET_HTTP_SERVER_OPTIONS_H
#define SPEAR_NET_HTTP_SERVER_OPTIONS_H

#include "base/options.h"
#include "net/http_server.h"
#include "net/tls.h"

#define HTTP_TIME_OPTION(name_, env_, default_, help_)                                                                 \
    {                                                                                                                  \
        .name = name_, .environment = env_, .type = OPTION_DURATION_MS, .default_value = default_, .min = 100,         \
        .max = 3600 * 1000, .argument = "TIME", .help = help_                                                          \
    }
#define HTTP_FILE_OPTION(name_, env_, help_)                                                                           \
    { .name = name_, .environment = env_, .type = OPTION_TEXT, .argument = "FILE", .help = help_ }
#define HTTP_COUNT_OPTION(name_, env_, default_, min_, help_)                                                          \
    {                                                                                                                  \
        .name = name_, .environment = env_, .type = OPTION_COUNT, .default_value = default_, .min = min_,              \
        .max = 1000000, .argument = "N", .help = help_                                                                 \
    }

// clang-format off
// per_client_ is the default of --connections-per-client-max, as text.
#define HTTP_SERVER_OPTIONS(prefix_, per_client_) \
    HTTP_COUNT_OPTION("connections-max", prefix_ "_CONNECTIONS_MAX", "10000", 1, \
                      "connections at the same time; one more takes an idle one's place or is answered 503"), \
    HTTP_COUNT_OPTION("connections-per-client-max", prefix_ "_CONNECTIONS_PER_CLIENT_MAX", per_client_, 0, \
                      "the same of one address (IPv6: one /64); 0 for no limit. Loopback counts only when this is given"), \
    {.name = "answers-memory-max", .environment = prefix_ "_ANSWERS_MEMORY_MAX", .type = OPTION_BYTES, .default_value = "512MiB", \
     .min = 1 << 20, .max = (uint64_t)1 << 40, .argument = "BYTES", \
     .help = "answers held whole until their clients read them; above it the client that has been slow for longest is cut"}, \
    HTTP_TIME_OPTION("header-timeout", prefix_ "_HEADER_TIMEOUT", "10s", "how long a request's head may take"), \
    HTTP_TIME_OPTION("body-timeout", prefix_ "_BODY_TIMEOUT", "30s", \
                     "how long a request's body may stand still; slower than 512 bytes a second counts"), \
    HTTP_TIME_OPTION("write-timeout", prefix_ "_WRITE_TIMEOUT", "60s", "the same of an answer that its client does not read"), \
    HTTP_TIME_OPTION("idle-timeout", prefix_ "_IDLE_TIMEOUT", "75s", "how long a connection may wait for its next request"), \
    HTTP_FILE_OPTION("tls-cert", prefix_ "_TLS_CERT", "serve HTTPS with this certificate (PEM, its chain behind it)"), \
    HTTP_FILE_OPTION("tls-key", prefix_ "_TLS_KEY", "the private key of tls-cert (PEM, no passphrase)"), \
    HTTP_FILE_OPTION("tls-client-ca", prefix_ "_TLS_CLIENT_CA", \
                     "demand a certificate of every client, issued by an authority in this file (PEM)")

// name_ "sms", NAME_ "SMS", whom_ "sms": --sms-tls-ca and its companions.
#define HTTP_CLIENT_OPTIONS(prefix_, name_, NAME_, whom_) \
    HTTP_FILE_OPTION(name_ "-tls-ca", prefix_ "_" NAME_ "_TLS_CA", \
                     "speak HTTPS to " whom_ "; its certificate must be issued by an authority in this file (PEM)"), \
    HTTP_FILE_OPTION(name_ "-tls-cert", prefix_ "_" NAME_ "_TLS_CERT", "our certificate for " whom_ " (PEM)"), \
    HTTP_FILE_OPTION(name_ "-tls-key", prefix_ "_" NAME_ "_TLS_KEY", "the private key of " name_ "-tls-cert (PEM, no passphrase)")
// clang-format on

// The settings into a configuration that is otherwise the caller's. At most half of the descriptors that this process
// may have are for connections; false when connections_max had to be lowered for that.
bool http_server_options_read(const struct options *o, uint64_t descriptors, struct http_server_config *config);
// *ret NULL: plain HTTP. ERR_INVALID_CONFIGURATION, also when the settings do not go together.
int http_server_options_tls(const struct options *o, struct tls_credentials **ret, struct err *e);
int http_client_options_tls(const struct options *o, const char *name, struct tls_credentials **ret, struct err *e);

#endif
