// Fuzzes the header fields with a grammar: ranges stay inside, digests are whole, addresses split into their parts.
#include "base/mem.h"
#include "fuzz/fuzz.h"
#include "net/http_fields.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct span value = span_make(data, size), host;
    uint64_t length = size * 37 % 1000, offset = 0, part = 0;
    unsigned char digest[SHA256_BYTES];
    uint16_t port;
    if (http_parse_range(value, length, &offset, &part) == RANGE_OK)
        ASSERT(part > 0 && offset < length && part <= length - offset);
    (void)http_parse_content_digest(value, digest);
    (void)http_etag_listed(value, SPAN_LITERAL("\"abc\""));
    if (http_split_address(value, &host, &port))
        ASSERT(host.n < size);
    return 0;
}
