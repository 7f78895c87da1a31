// Fuzzes base64 and percent-decoding: what decodes must give the same text when it is encoded again.
#include "base/encode.h"
#include "base/mem.h"
#include "fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct span text = span_make(data, size);
    struct buf bytes, again;
    struct err e;
    buf_init(&bytes, size + 1);
    buf_init(&again, 2 * size + 8);
    if (base64_decode(text, &bytes, &e) == 0) {
        ASSERT(base64_encode(buf_span(&bytes), &again) == 0);
        ASSERT(span_equal(text, buf_span(&again)));
    }
    buf_reset(&bytes);
    (void)percent_decode(text, &bytes);
    (void)utf8_valid(text);
    buf_done(&bytes);
    buf_done(&again);
    return 0;
}
