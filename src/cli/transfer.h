// Files to and from sms, with a progress bar on a terminal.
#ifndef SPEAR_CLI_TRANSFER_H
#define SPEAR_CLI_TRANSFER_H

#include "cli/api.h"
#include "cli/module_file.h"
#include "model/sms_uri.h"

struct upload {
    int fd;              // read from its beginning (a pipe: from where it stands)
    uint64_t size_bytes; // known; UINT64_MAX: until the end
    const char *sha256;  // "" when it is not known before
    const char *name, *content_type;
};

struct uploaded {
    char id[SMS_URI_ID_MAX + 1];
    char uri[SMS_URI_ID_MAX + 32];
    char sha256[SHA256_HEX + 1];
    uint64_t size_bytes;
};

// What arrived is compared with what was sent: ERR_CHECKSUM_MISMATCH.
int transfer_upload(struct api *api, const struct upload *upload, struct uploaded *ret, struct err *e);

struct download {
    const char *file_id;
    const char *name; // shown by the progress bar
    int fd;
    bool refuse_binary; // for a terminal: ERR_INVALID_REQUEST when the file is no text
};
// Writes the file to fd and compares the digest that sms gives with the bytes that came.
int transfer_download(struct api *api, const struct download *download, struct err *e);

#endif
