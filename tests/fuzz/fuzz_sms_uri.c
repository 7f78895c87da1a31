// Fuzzes the reader of module addresses: whatever the bytes, it refuses or gives an id that is safe in a path.
#include "base/mem.h"
#include "fuzz/fuzz.h"
#include "model/sms_uri.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct sms_uri uri;
    struct err e;
    if (sms_uri_parse(span_make(data, size), &uri, &e) != 0) {
        ASSERT(e.kind == ERR_INVALID_CONFIGURATION && e.text[0]);
        return 0;
    }
    ASSERT(uri.file_id[0] && !strchr(uri.file_id, '/') && strcmp(uri.file_id, "..") != 0);
    return 0;
}
