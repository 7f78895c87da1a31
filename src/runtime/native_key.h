// What native code is bound to, as one digest: the names of its files in the cache. Internal to the library.
#ifndef SPEAR_RUNTIME_NATIVE_KEY_H
#define SPEAR_RUNTIME_NATIVE_KEY_H

#include "base/digest.h"

// Of this machine's processor: model and features, as the kernel tells them. Reads /proc/cpuinfo.
void native_key_cpu(unsigned char ret[SHA256_BYTES]);
// The same of a text like /proc/cpuinfo: what changes from moment to moment, or between the cores of one processor, is left out.
void native_key_cpu_of(struct span cpuinfo, unsigned char ret[SHA256_BYTES]);
// Prepared bytes (their digest), engine with its compiler's settings, level, processor.
void native_key(const unsigned char prepared[SHA256_BYTES], const char *engine, bool quick,
                const unsigned char cpu[SHA256_BYTES], unsigned char ret[SHA256_BYTES]);

#endif
