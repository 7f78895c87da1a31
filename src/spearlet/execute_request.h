// What POST /functions/execute asks for, read from its JSON body. A pure function.
#ifndef SPEAR_SPEARLET_EXECUTE_REQUEST_H
#define SPEAR_SPEARLET_EXECUTE_REQUEST_H

#include "base/json.h"

// Spans and values live as long as the document. What is absent is empty, NULL, 0 or false.
struct execute_request {
    struct span task_id, function_name, invocation_id, execution_id, session_id, input, input_base64, content_type;
    json_val *params, *headers, *environment, *metadata;
    int64_t timeout_ms;
    bool is_async, fresh, include_log;
};

// ERR_UNPROCESSABLE names the field and what is allowed.
int execute_request_read(json_val *root, struct execute_request *ret, struct err *e);

#endif
