// Where a module's bytes are: "sms+file://<file_id>", "sms+file://<host:port>/<file_id>", and the alias "smsfile://".
#ifndef SPEAR_MODEL_SMS_URI_H
#define SPEAR_MODEL_SMS_URI_H

#include "base/err.h"

enum { SMS_URI_HOST_MAX = 262, SMS_URI_ID_MAX = 128 };

struct sms_uri {
    char host_port[SMS_URI_HOST_MAX + 1]; // "" when the uri names none
    char file_id[SMS_URI_ID_MAX + 1];     // [A-Za-z0-9._-], not "." or ".."
};

// ERR_INVALID_CONFIGURATION with the uri and the accepted forms.
int sms_uri_parse(struct span uri, struct sms_uri *ret, struct err *e);
// "/api/v1/files/<file_id>"
void sms_uri_path(const struct sms_uri *uri, char ret_path[SMS_URI_ID_MAX + 32]);

#endif
