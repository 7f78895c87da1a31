// Random identifiers. Nothing is buffered between calls, so a forked child never repeats its parent's.
#include "base/id.h"

#include "base/mem.h"

#include <errno.h>
#include <sys/random.h>

void id_random(void *p, size_t n) {
    unsigned char *at = p;
    while (n) {
        ssize_t got = getrandom(at, n, 0);
        ASSERT(got > 0 || errno == EINTR);
        if (got > 0) {
            at += got;
            n -= (size_t)got;
        }
    }
}

static bool hyphen_at(size_t i) {
    return i == 8 || i == 13 || i == 18 || i == 23;
}

void uuid_new(char ret_text[UUID_TEXT + 1]) {
    static const char hex[] = "0123456789abcdef";
    unsigned char bytes[16];
    id_random(bytes, sizeof bytes);
    bytes[6] = (unsigned char)((bytes[6] & 0x0F) | 0x40); // version 4
    bytes[8] = (unsigned char)((bytes[8] & 0x3F) | 0x80); // the RFC's variant
    size_t nibble = 0;
    for (size_t i = 0; i < UUID_TEXT; i++) {
        if (hyphen_at(i)) {
            ret_text[i] = '-';
            continue;
        }
        unsigned byte = bytes[nibble / 2];
        ret_text[i] = hex[nibble % 2 ? byte & 0x0F : byte >> 4];
        nibble++;
    }
    ret_text[UUID_TEXT] = '\0';
}

static bool is_hex(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

bool uuid_valid(struct span text) {
    if (text.n != UUID_TEXT)
        return false;
    for (size_t i = 0; i < UUID_TEXT; i++)
        if (hyphen_at(i) ? text.p[i] != '-' : !is_hex(text.p[i]))
            return false;
    return true;
}
