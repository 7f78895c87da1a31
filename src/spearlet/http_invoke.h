// What the files of the raw ways to invoke have in common; nobody else includes it.
#ifndef SPEAR_SPEARLET_HTTP_INVOKE_H
#define SPEAR_SPEARLET_HTTP_INVOKE_H

#include "net/cgi_head.h"
#include "spearlet/http_api.h"

struct raw_request {
    struct spearlet *spearlet;
    struct http_exchange *x; // NULL once it is answered
    struct function *function;
    struct span function_name, params; // the exchange's
    uint64_t timeout_ms;
    bool is_async;
    bool is_trigger;
    struct span rest; // of a trigger: the path behind its endpoint
};

enum { RAW_TIMING_TEXT = 160, RAW_HEADERS_MAX = CGI_FIELDS_MAX + 8 };
struct raw_headers {
    struct http_header list[RAW_HEADERS_MAX];
    size_t count;
    char timing[RAW_TIMING_TEXT];
};

// ---- http_invoke_answer.c
// x-execution-id, x-instance-id and, when it is over, Server-Timing.
void raw_headers_init(struct raw_headers *h, const struct function_call *call);
void raw_headers_add(struct raw_headers *h, struct span name, struct span value);
// The guest's own ones, with the task's Content-Type where it gave none.
void raw_headers_add_cgi(struct raw_headers *h, const struct raw_request *r, const struct cgi_head *head);
// The whole answer of a call that is over.
void raw_answer(struct raw_request *r, struct function_call *call);
// A problem with execution_id, instance_id and exit_code beside its other members.
void raw_answer_failure(struct raw_request *r, struct function_call *call, const struct err *e);

#endif
