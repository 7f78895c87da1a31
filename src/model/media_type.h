// Media types as they stand in a Content-Type field (RFC 9110 §8.3.1).
#ifndef SPEAR_MODEL_MEDIA_TYPE_H
#define SPEAR_MODEL_MEDIA_TYPE_H

#include "base/span.h"

// type "/" subtype and any number of parameters; nothing that could end or fold a header line.
bool media_type_valid(struct span text);

#endif
