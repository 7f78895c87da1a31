// The uuid of a node as requests give it; see nodes_input.h.
#include "sms/nodes_input.h"

#include "net/http_router.h"

bool nodes_input_uuid(struct span text, char ret_uuid[UUID_TEXT + 1]) {
    if (!uuid_valid(text)) {
        return false;
    }
    for (size_t i = 0; i < UUID_TEXT; i++) {
        char c = text.p[i];
        ret_uuid[i] = c >= 'A' && c <= 'F' ? (char)(c - 'A' + 'a') : c;
    }
    ret_uuid[UUID_TEXT] = 0;
    return true;
}

int nodes_input_missing(struct span uuid, struct err *e) {
    return err_set(e, ERR_NODE_NOT_FOUND, "there is no node \"%.*s\"", SPAN_ARGS(span_slice(uuid, 0, 100)));
}

bool nodes_input_path(struct http_exchange *x, char ret_uuid[UUID_TEXT + 1]) {
    struct err err;
    struct span text = http_param(x, "uuid");
    if (nodes_input_uuid(text, ret_uuid)) {
        return true;
    }
    nodes_input_missing(text, &err);
    answer_error(x, &err);
    return false;
}
