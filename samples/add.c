// Functions called by name with typed params: no _start, no libc, a few hundred bytes.
//
//     spear invoke add --function add --params '[2, 3]'        → [5]
#include <stdint.h>

#define EXPORT(name) __attribute__((export_name(name)))

EXPORT("add") int32_t add(int32_t a, int32_t b) {
    return (int32_t)((uint32_t)a + (uint32_t)b);
}

EXPORT("addi64") int64_t add_i64(int64_t a, int64_t b) {
    return (int64_t)((uint64_t)a + (uint64_t)b);
}

EXPORT("mulf64") double multiply(double a, double b) {
    return a * b;
}

EXPORT("halff32") float half(float a) {
    return a / 2;
}

// Traps with b = 0.
EXPORT("div") int32_t divide(int32_t a, int32_t b) {
    return a / b;
}

// No result at all.
EXPORT("nothing") void nothing(void) {
}
