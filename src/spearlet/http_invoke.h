// What the files of the raw ways to invoke have in common; nobody else includes it.
#ifndef SPEAR_SPEARLET_HTTP_INVOKE_H
#define SPEAR_SPEARLET_HTTP_INVOKE_H

#include "net/cgi_head.h"
#include "spearlet/http_api.h"

struct raw_stream {
    struct function_call *call; // once it is submitted
    bool started, over;         // the answer's head was sent; nothing more will be
    bool held;                  // the client reads too slowly
    uint64_t untaken;           // bytes that were sent meanwhile
    struct buf head;            // of http.cgi, until it is whole
    struct err failure;         // why we ended the guest
};

struct raw_request {
    struct spearlet *spearlet;
    struct http_exchange *x; // NULL once it is answered
    struct function *function;
    struct span function_name, params; // the exchange's
    uint64_t timeout_ms;
    bool is_async;
    bool is_trigger;
    struct span rest; // of a trigger: the path behind its endpoint
    bool is_streamed; // the output is sent while it is written
    bool is_events;   // as text/event-stream
    struct raw_stream stream;
};

enum { RAW_TIMING_TEXT = 192, RAW_HEADERS_MAX = CGI_FIELDS_MAX + 8 };
struct raw_headers {
    struct http_header list[RAW_HEADERS_MAX];
    size_t count;
    char timing[RAW_TIMING_TEXT];
};

// ---- http_invoke_stream.c
// Looks whether the client or the task wants a stream.
void raw_stream_choose(struct raw_request *r);
// Before the call is submitted, which may be over when function_service_submit returns.
void raw_stream_begin(struct raw_request *r, struct function_call *call);
// The call is over: ends the answer, or gives it.
void raw_stream_finish(struct raw_request *r, struct function_call *call);

// ---- http_invoke_answer.c
// x-execution-id, x-instance-id and, when it is over, Server-Timing.
void raw_headers_init(struct raw_headers *h, const struct function_call *call);
void raw_headers_add(struct raw_headers *h, struct span name, struct span value);
// The guest's own ones, with the task's Content-Type where it gave none.
struct span raw_content_type(const struct raw_request *r);
void raw_headers_add_cgi(struct raw_headers *h, const struct raw_request *r, const struct cgi_head *head);
// The output begins with header fields.
bool raw_wants_cgi(const struct raw_request *r, const struct function_call *call);
// The whole answer of a call that is over.
void raw_answer(struct raw_request *r, struct function_call *call);
// A problem with execution_id, instance_id and exit_code beside its other members.
void raw_answer_failure(struct raw_request *r, struct function_call *call, const struct err *e);

#endif
