// From the settled options to the server's configuration.
#include "net/http_server_options.h"

bool http_server_options_read(const struct options *o, uint64_t descriptors, struct http_server_config *config) {
    config->connections_max = options_number(o, "connections-max");
    config->connections_per_client_max = options_number(o, "connections-per-client-max");
    config->loopback_unlimited = !options_is_set(o, "connections-per-client-max");
    config->header_timeout_ms = options_number(o, "header-timeout");
    config->body_timeout_ms = options_number(o, "body-timeout");
    config->write_timeout_ms = options_number(o, "write-timeout");
    config->idle_timeout_ms = options_number(o, "idle-timeout");
    if (config->connections_max <= descriptors / 2)
        return true;
    config->connections_max = descriptors > 2 ? descriptors / 2 : 1;
    return false;
}
