// The HTTP routes of spearlet (contract section 4): the handlers, and what they have in common. docs/http-spearlet.md says
// what they answer.
#ifndef SPEAR_SPEARLET_HTTP_API_H
#define SPEAR_SPEARLET_HTTP_API_H

#include "net/http_router.h"
#include "net/problem.h"
#include "spearlet/spearlet.h"

void http_api_handle(struct http_exchange *x, void *ctx); // ctx: struct spearlet; so for all handlers

void http_execute(struct http_exchange *x, void *ctx);
void http_invoke(struct http_exchange *x, void *ctx);
void http_trigger(struct http_exchange *x, void *ctx);
void http_execution_get(struct http_exchange *x, void *ctx);
void http_execution_cancel(struct http_exchange *x, void *ctx);
void http_tasks_list(struct http_exchange *x, void *ctx);
void http_task_get(struct http_exchange *x, void *ctx);
void http_task_drop(struct http_exchange *x, void *ctx);
void http_task_executions(struct http_exchange *x, void *ctx);
void http_instances(struct http_exchange *x, void *ctx);
void http_health(struct http_exchange *x, void *ctx);
void http_status(struct http_exchange *x, void *ctx);
void http_stats(struct http_exchange *x, void *ctx);
void http_metrics(struct http_exchange *x, void *ctx);

// ---- in common
// The task of an id or name; found(ctx, …) later or now, as task_found says.
void http_api_find_task(struct spearlet *s, struct http_exchange *x, struct span key, task_found *found, void *ctx);
void http_api_respond_json(struct http_exchange *x, int status, const struct http_header *headers, size_t header_count,
                           struct json_out *out);
// 503 with Retry-After, or what the kind's status is. For a request that was not admitted.
void http_api_refuse(struct http_exchange *x, const struct err *e);
void http_api_refuse_until(struct http_exchange *x, const struct err *e, uint32_t retry_after_s);
// The field is valid as long as the text; 0 seconds: 1.
struct http_header http_api_retry_after(uint32_t seconds, char text[16]);
// 202 with Location (and Preference-Applied).
void http_api_accepted(struct http_exchange *x, const struct execution *record, bool by_preference);
// "null" when 0.
void http_api_add_time(struct json_out *out, json_node *object, const char *key, int64_t unix_ms);

// The members of an execution, as /functions/execute answers and /functions/executions/{id} shows them.
struct execution_print {
    const struct execution *record;
    enum execution_state state;
    const struct execution_outcome *outcome; // NULL: it has not finished
    const char *instance_id;                 // "" when it has none
    int64_t started_ms;                      // 0: not yet
    bool with_output, with_log, log_cut;
    struct span log;
};
void http_api_add_execution(struct json_out *out, json_node *object, const struct execution_print *print);

#endif
