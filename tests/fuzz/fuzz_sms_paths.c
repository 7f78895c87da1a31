// Fuzzes what sms takes from a request's path and fields: an endpoint and its rest, a uuid, a digest.
#include "base/digest.h"
#include "base/id.h"
#include "base/mem.h"
#include "fuzz/fuzz.h"
#include "sms/endpoint_path.h"

static void check_endpoint(struct span path) {
    struct buf endpoint;
    endpoint_path_read(path, &endpoint);
    struct span whole = buf_span(&endpoint);
    ASSERT(whole.n <= path.n);
    // Any part of it at a slash may be the registered one.
    for (size_t n = 0; n <= whole.n; n++)
        if (n == whole.n || whole.p[n] == '/') {
            struct span rest = endpoint_path_rest(path, span_slice(whole, 0, n));
            ASSERT(rest.n == 0 || (rest.p[0] == '/' && rest.p + rest.n == path.p + path.n));
        }
    buf_done(&endpoint);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct span text = span_make(data, size);
    unsigned char digest[SHA256_BYTES];
    char hex[SHA256_HEX + 1];
    if (span_starts_with(text, "/")) // as every request's path does
        check_endpoint(text);
    ASSERT(!uuid_valid(text) || text.n == UUID_TEXT);
    if (sha256_from_hex(text, digest)) {
        sha256_to_hex(digest, hex);
        ASSERT(text.n == SHA256_HEX && span_equal_nocase(text, hex));
    }
    return 0;
}
