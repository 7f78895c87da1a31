// Random identifiers: UUID version 4 (RFC 9562 §5.4), from getrandom(2).
#ifndef SPEAR_BASE_ID_H
#define SPEAR_BASE_ID_H

#include "base/span.h"

enum { UUID_TEXT = 36 };

// From the kernel's generator, for secrets too.
void id_random(void *p, size_t n);
void uuid_new(char ret_text[UUID_TEXT + 1]); // lower case
// True for the 8-4-4-4-12 form in hexadecimal digits of either case, any version.
bool uuid_valid(struct span text);

#endif
