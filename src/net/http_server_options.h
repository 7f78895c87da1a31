// The settings that every program with an HTTP server has, as rows for its table of options: HTTP_SERVER_OPTIONS("SMS", …).
#ifndef SPEAR_NET_HTTP_SERVER_OPTIONS_H
#define SPEAR_NET_HTTP_SERVER_OPTIONS_H

#include "base/options.h"
#include "net/http_server.h"

#define HTTP_SERVER_TIME(prefix_, name_, env_, default_, help_)                                                        \
    {                                                                                                                  \
        .name = name_, .environment = prefix_ "_" env_, .type = OPTION_DURATION_MS, .default_value = default_,         \
        .min = 100, .max = 3600 * 1000, .argument = "TIME", .help = help_                                              \
    }
// per_client_ is the default of --connections-per-client-max, as text.
#define HTTP_SERVER_OPTIONS(prefix_, per_client_)                                                                      \
    {.name = "connections-max",                                                                                        \
     .environment = prefix_ "_CONNECTIONS_MAX",                                                                        \
     .type = OPTION_COUNT,                                                                                             \
     .default_value = "10000",                                                                                         \
     .min = 1,                                                                                                         \
     .max = 1000000,                                                                                                   \
     .argument = "N",                                                                                                  \
     .help = "connections at the same time; one more takes an idle one's place or is answered 503"},                   \
        {.name = "connections-per-client-max",                                                                         \
         .environment = prefix_ "_CONNECTIONS_PER_CLIENT_MAX",                                                         \
         .type = OPTION_COUNT,                                                                                         \
         .default_value = per_client_,                                                                                 \
         .max = 1000000,                                                                                               \
         .argument = "N",                                                                                              \
         .help = "the same of one address (IPv6: one /64); 0 for no limit. Loopback counts only when this is given"},  \
        HTTP_SERVER_TIME(prefix_, "header-timeout", "HEADER_TIMEOUT", "10s", "how long a request's head may take"),    \
        HTTP_SERVER_TIME(prefix_, "body-timeout", "BODY_TIMEOUT", "30s",                                               \
                         "how long a request's body may stand still; slower than 512 bytes a second counts"),          \
        HTTP_SERVER_TIME(prefix_, "write-timeout", "WRITE_TIMEOUT", "60s",                                             \
                         "the same of an answer that its client does not read"),                                       \
        HTTP_SERVER_TIME(prefix_, "idle-timeout", "IDLE_TIMEOUT", "75s",                                               \
                         "how long a connection may wait for its next request")

// The settings into a configuration that is otherwise the caller's. At most half of the descriptors that this process
// may have are for connections; false when connections_max had to be lowered for that.
bool http_server_options_read(const struct options *o, uint64_t descriptors, struct http_server_config *config);

#endif
