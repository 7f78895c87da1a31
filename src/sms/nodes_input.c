// The uuid of a node as requests give it; see nodes_input.h.
#include "sms/nodes_input.h"

#include "net/http_router.h"
#include "sms/auth.h"

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

static bool may_act(struct sms *s, const struct http_exchange *x, const char *uuid, bool registering) {
    char owner[TOKEN_ID_TEXT + 1];
    if (auth_allows(x, SCOPE_ADMIN) || !nodes_owner(s->nodes, span_of(uuid), owner)) {
        return true;
    }
    // The entry of a node whose token is gone is taken over by the one that it has now.
    return strcmp(owner, auth_caller(x)->id) == 0 || (registering && !tokens_has(s->tokens, owner));
}

bool nodes_input_may_act(struct sms *s, struct http_exchange *x, const char *uuid, bool registering) {
    if (may_act(s, x, uuid, registering)) {
        return true;
    }
    auth_refuse(s, x, SCOPE_ADMIN, "the node was registered with another token");
    return false;
}
