// The CGI/1.1 meta-variables (RFC 3875 §4.1) of an HTTP trigger, beside those that guest_environment.h knows for every raw
// request.
//
// The request comes from sms, which says in X-Forwarded-For (its last member) and X-Forwarded-Host who asked, and for which
// host; whoever calls this node directly may say there what he likes.
#ifndef SPEAR_SPEARLET_CGI_ENVIRONMENT_H
#define SPEAR_SPEARLET_CGI_ENVIRONMENT_H

#include "spearlet/guest_environment.h"

// GATEWAY_INTERFACE, PATH_INFO (decoded), REMOTE_ADDR, REMOTE_HOST, REQUEST_URI, SCRIPT_NAME, SERVER_NAME, SERVER_PORT,
// SERVER_PROTOCOL, SERVER_SOFTWARE, and HTTP_HOST as the client sent it. `rest` is the path behind the endpoint, as it was
// sent. Call after guest_environment_add_request. ERR_INVALID_REQUEST: a bad escape, or too much.
int cgi_environment_add(struct guest_environment *env, struct http_exchange *x, const struct task *task,
                        struct span rest, struct err *e);

#endif
