// The uuid of a node as requests give it.
#ifndef SPEAR_SMS_NODES_INPUT_H
#define SPEAR_SMS_NODES_INPUT_H

#include "base/id.h"
#include "net/http_server.h"
#include "sms/answer.h"
#include "sms/sms.h"

// In lower case; false when it is none.
bool nodes_input_uuid(struct span text, char ret_uuid[UUID_TEXT + 1]);
// The path parameter {uuid}; what is none is answered 404 and false.
bool nodes_input_path(struct http_exchange *x, char ret_uuid[UUID_TEXT + 1]);
// ERR_NODE_NOT_FOUND
int nodes_input_missing(struct span uuid, struct err *e);
// Whether who asks may act as that node: the token that registered it, or an admin's; when registering also if that token is
// gone. Answers 403 otherwise.
bool nodes_input_may_act(struct sms *s, struct http_exchange *x, const char *uuid, bool registering);

#endif
