// Digests over model and features of the processor, and over everything that native code depends on.
#include "runtime/native_key.h"

#include "base/file.h"
#include "base/mem.h"

enum { CPUINFO_MAX = 4 * 1024 * 1024 };

// x86 first, then Arm and RISC-V.
static bool tells_features(struct span name) {
    static const char *const names[] = {"vendor_id",       "cpu family",  "model",    "model name", "flags", "Features",
                                        "CPU implementer", "CPU variant", "CPU part", "isa",        "uarch"};
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (span_equal_text(name, names[i]))
            return true;
    return false;
}

// The first processor stands for all: code is compiled on any of them.
void native_key_cpu_of(struct span rest, unsigned char ret[SHA256_BYTES]) {
    struct sha256 *d = sha256_new();
    struct span line;
    while (span_next(&rest, '\n', &line) && span_trim(line).n > 0)
        if (tells_features(span_trim(span_slice(line, 0, span_find(line, ':')))))
            sha256_update(d, line.p, line.n);
    sha256_final(d, ret);
    sha256_free(d);
}

void native_key_cpu(unsigned char ret[SHA256_BYTES]) {
    struct buf text;
    buf_init(&text, CPUINFO_MAX);
    (void)file_read("/proc/cpuinfo", &text, NULL); // without it, machines with one data directory look alike
    native_key_cpu_of(buf_span(&text), ret);
    buf_done(&text);
}

void native_key(const unsigned char prepared[SHA256_BYTES], const char *engine, bool quick,
                const unsigned char cpu[SHA256_BYTES], unsigned char ret[SHA256_BYTES]) {
    struct sha256 *d = sha256_new();
    sha256_update(d, prepared, SHA256_BYTES);
    sha256_update(d, cpu, SHA256_BYTES);
    sha256_update(d, quick ? "O0" : "O2", 2);
    sha256_update(d, engine, strlen(engine));
    sha256_final(d, ret);
    sha256_free(d);
}
