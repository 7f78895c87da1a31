// Answers and inputs that all routes of sms share: errors, "busy", pages of a list.
#ifndef SPEAR_SMS_ANSWER_H
#define SPEAR_SMS_ANSWER_H

#include "net/problem.h"
#include "sms/store.h"

// An error as a problem document; one that is ours (5xx) is logged, a 503 gets Retry-After.
void answer_error(struct http_exchange *x, const struct err *e);
// The same with the status of the kind replaced.
void answer_error_status(struct http_exchange *x, int status, const struct err *e);
// 503 ResourceExhausted with Retry-After: the store's queue is full.
void answer_store_busy(struct http_exchange *x);
// {"success":true,"message":…}
void answer_success(struct http_exchange *x, const char *message);

enum { PAGE_LIMIT_DEFAULT = 100, PAGE_LIMIT_MAX = 1000 };
struct page {
    int64_t limit, offset;
};
// ?limit= (1…1000, default 100) and ?offset= (default 0). ERR_UNPROCESSABLE naming the parameter.
int answer_read_page(struct http_exchange *x, struct page *ret, struct err *e);
// The value of a query parameter, or an empty span.
struct span answer_query(struct http_exchange *x, const char *name);

#endif
