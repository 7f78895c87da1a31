// The entry that libFuzzer calls with each input.
#ifndef SPEAR_TESTS_FUZZ_H
#define SPEAR_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
