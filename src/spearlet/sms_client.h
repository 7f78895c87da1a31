// JSON requests to sms, from loop 0.
#ifndef SPEAR_SPEARLET_SMS_CLIENT_H
#define SPEAR_SPEARLET_SMS_CLIENT_H

#include "base/json.h"
#include "base/loop.h"

struct sms_client;
struct tls_credentials;

// `authorization` ("Bearer …", kept by reference) is shown to sms; NULL: nothing.
// `tls` NULL: plain HTTP; else a client's credentials, which outlive it.
int sms_client_new(struct loop *l, const char *sms_http_addr, const char *authorization, struct tls_credentials *tls,
                   struct sms_client **ret, struct err *e);
// On the loop's thread. What is under way is answered with an error before this returns.
void sms_client_free(struct sms_client *c); // NULL allowed

// Called once, later, on the loop. With an answer of any status e is NULL; `root` is its JSON, or NULL when it is none.
// Without one e says why (ERR_UNAVAILABLE).
typedef void sms_answered(void *ctx, int status, json_val *root, const struct err *e);
// `body` is taken; NULL sends none. `path` is copied.
void sms_client_request(struct sms_client *c, const char *method, const char *path, struct json_out *body,
                        sms_answered *done, void *ctx);

#endif
