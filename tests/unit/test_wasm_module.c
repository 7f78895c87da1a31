// The module parser: what it lets through and how it comes out, every refusal with its words, and hundreds of thousands of broken modules.
#include "base/mem.h"
#include "worker/host.h"
#include "worker/reset_names.h"
#include "worker/wasm_module.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

// The host table is linked in, its functions are never called.
void *engine_memory_at(struct engine_memory *memory, uint32_t offset, uint64_t n) {
    (void)memory, (void)offset, (void)n;
    return NULL;
}

enum { OUTPUT_BYTES = 1 << 20 };
static uint8_t output_bytes[OUTPUT_BYTES];

static int prepare(struct span module, struct wasm_output *out, struct err *e) {
    struct wasm_limits limits = {.memory_bytes = 128 << 20};
    limits.functions = host_functions(&limits.function_count);
    *out = (struct wasm_output){.p = output_bytes, .capacity = sizeof output_bytes};
    return wasm_prepare(module, &limits, out, e);
}

#define HEADER           "\0asm\1\0\0\0"
#define MODULE(sections) SPAN_LITERAL(HEADER sections)
// Sections that many modules share: two types () -> () and (i32) -> (), one function of type 0, its empty body.
#define TYPES    "\1\x08\2\x60\0\0\x60\1\x7f\0"
#define FUNCTION "\3\2\1\0"
#define CODE     "\x0a\4\1\2\0\x0b"
#define MEMORY   "\5\3\1\0\1"
#define TABLE    "\4\4\1\x70\0\1"

static void accept(struct span module, struct span wanted) {
    struct wasm_output out;
    struct err e;
    if (prepare(module, &out, &e))
        fail_msg("refused: %s", e.text);
    assert_true(span_equal(span_make(out.p, out.n), wanted));
}

static void good_modules_come_out_as_they_are(void **state) {
    (void)state;
    accept(MODULE(""), MODULE(""));
    accept(MODULE(TYPES FUNCTION MEMORY CODE), MODULE(TYPES FUNCTION MEMORY CODE));
    accept(MODULE("\3\1\0"), MODULE("\3\1\0"));
    // A length with padding is legal and kept.
    accept(MODULE("\1\x84\x80\x80\x80\x00\1\x60\0\0"), MODULE("\1\x84\x80\x80\x80\x00\1\x60\0\0"));
}

static void custom_sections_are_gone(void **state) {
    (void)state;
    accept(MODULE("\0\5\4name" TYPES "\0\x0a\x08wasmedge\x7f" FUNCTION CODE "\0\2\1x"), MODULE(TYPES FUNCTION CODE));
    accept(MODULE("\0\1\0"), MODULE(""));
}

static void table_maximums_are_brought_down(void **state) {
    (void)state;
    accept(MODULE(TABLE), MODULE("\4\7\1\x70\1\1\xa0\x8d\6"));
    accept(MODULE("\4\x05\1\x6f\1\1\2"), MODULE("\4\x05\1\x6f\1\1\2"));
    accept(MODULE("\4\x09\1\x70\1\0\xff\xff\xff\xff\x0f"), MODULE("\4\7\1\x70\1\0\xa0\x8d\6"));
}

struct refusal {
    struct span module;
    const char *text;
};

static void refuse(const struct refusal *cases, size_t count) {
    for (size_t i = 0; i < count; i++) {
        struct wasm_output out;
        struct err e = {0};
        if (prepare(cases[i].module, &out, &e) == 0)
            fail_msg("accepted, wanted '%s'", cases[i].text);
        assert_int_equal(e.kind, ERR_INVALID_CONFIGURATION);
        if (!strstr(e.text, cases[i].text))
            fail_msg("says '%s', wanted '%s'", e.text, cases[i].text);
    }
}
#define REFUSE(cases) refuse(cases, COUNT_OF(cases))

static void headers(void **state) {
    (void)state;
    const struct refusal cases[] = {
        {{NULL, 0}, "missing WASM magic header: the file is empty"},
        {SPAN_LITERAL("\x7f"
                      "ELF\2\1\1\0\0"),
         "missing WASM magic header: the first bytes are 7f 45 4c 46 02 01 01 00, not 00 61 73 6d; this is an ELF"},
        {SPAN_LITERAL("\0asm"), "ends after 4 bytes"},
        {SPAN_LITERAL("\0asm\2\0\0\0"), "unknown WebAssembly version"},
        {SPAN_LITERAL("\0asm\x0d\0\1\0"), "WebAssembly component"},
    };
    REFUSE(cases);
}

static void sections(void **state) {
    (void)state;
    const struct refusal cases[] = {
        {MODULE("\1"), "section header, offset 9: unexpected end in the section's size"},
        {MODULE("\1\5\0"), "offset 8: section 1 has 5 bytes, but only 1 are left"},
        {MODULE("\1\x80\x80\x80\x80\x80\0"), "the section's size is an integer of more than 5 bytes"},
        {MODULE("\1\x80\x80\x80\x80\x10"), "the section's size is larger than 32 bits"},
        {MODULE("\x0e\0"), "unknown section 14"},
        {MODULE("\x0d\1\0"), "exception handling"},
        {MODULE(TYPES TYPES), "the type section is there twice or too late"},
        {MODULE(FUNCTION), "function 0 has type 0, but there are 0 types"},
        {MODULE(CODE TYPES), "the type section is there twice or too late"},
        {MODULE("\1\2\0\0"), "type section, offset 11: 1 bytes too many at the end"},
        {MODULE("\0\0"), "custom section, offset 10: unexpected end in the section's name"},
        {MODULE("\0\2\5x"), "custom section"},
        {MODULE("\0\2\1\xff"), "the section's name is not UTF-8"},
        {MODULE(TYPES FUNCTION), "1 functions are declared, but 0 have code"},
        {MODULE(TYPES CODE), "0 functions are declared, but 1 have code"},
        {MODULE("\x0c\1\2"), "2 data segments are declared, but 0 are there"},
    };
    REFUSE(cases);
}

static void types(void **state) {
    (void)state;
    const struct refusal cases[] = {
        {MODULE("\1\4\1\x5f\0\0"), "type form 0x5f is not a function's (0x60)"},
        {MODULE("\1\5\1\x60\1\x64\0"), "value type 0x64 is of the garbage collection proposal"},
        {MODULE("\1\5\1\x60\1\x69\0"), "value type 0x69 is of the exception handling proposal"},
        {MODULE("\1\5\1\x60\1\x40\0"), "value type 0x40 is unknown"},
        {MODULE("\1\3\xff\xff\x03"), "65535 types, at most 10000 are allowed"},
        {MODULE("\1\1\x09"), "9 types do not fit into the 0 bytes that are left"},
        {MODULE("\3\4\xff\xff\xff\x00"), "2097151 functions, at most 100000 are allowed"},
    };
    REFUSE(cases);
}

static void imports(void **state) {
    (void)state;
    const struct refusal cases[] = {
        {MODULE(TYPES "\2\x09\1\3env\1f\0\0"),
         "import section, offset 21: unknown import \"env\".\"f\": the module was built for Emscripten"},
        {MODULE(TYPES "\2\x0b\1\5spear\1x\0\0"), "unknown import \"spear\".\"x\": this node does not have it, "
                                                 "\"spear\" has time_now_ms() -> (i64), log(i32, i32, i32) -> (i32)"},
        {MODULE(TYPES "\2\x0d\1\5spear\3log\0\0"),
         "import \"spear\".\"log\" has type () -> (), the host's is (i32, i32, i32) -> (i32)"},
        {MODULE(TYPES "\2\x0d\1\5spear\3log\0\7"), "has type 7, but there are 2 types"},
        {MODULE("\2\x0a\1\3env\1m\2\0\1"), "import \"env\".\"m\" is a memory: modules may import functions only"},
        {MODULE("\2\x0a\1\3env\1g\3\x7f\0"), "import \"env\".\"g\" is a global"},
        {MODULE("\2\x0b\1\3env\1t\1\x70\0\1"), "import \"env\".\"t\" is a table"},
        {MODULE("\2\x0a\1\3env\1m\2\3\1"), "import \"env\".\"m\" is a shared memory: threads"},
        {MODULE("\2\x08\1\3env\1t\2"), "import \"env\".\"t\" is a memory"},
        {MODULE("\2\x08\1\3env\1t\4"), "is a tag: exception handling"},
        {MODULE("\2\x08\1\3env\1t\5"), "is of unknown kind 5"},
        {MODULE(TYPES "\2\x07\1\1a\1b\0\0"), "minified names"},
        {MODULE(TYPES "\2\x06\1\0\1b\0\0"), "the host's modules are"},
        {MODULE(TYPES "\2\x0f\1\x09./x_bg.js\1b\0\0"), "wasm-bindgen"},
        {MODULE(TYPES "\2\x0b\1\5wasi:\1b\0\0"), "WASI preview 2"},
        {MODULE("\2\x08\1\3e\"\n\1t\4"), "import \"e??\".\"t\""},
        {MODULE(TYPES "\2\x08\1\2zz\1f\0\0"), "the host's modules are wasi_snapshot_preview1, wasi_unstable and spear"},
    };
    REFUSE(cases);
    accept(MODULE(TYPES "\2\x24\1\x16wasi_snapshot_preview1\x09proc_exit\0\1"),
           MODULE(TYPES "\2\x24\1\x16wasi_snapshot_preview1\x09proc_exit\0\1"));
}

static void limits(void **state) {
    (void)state;
    const struct refusal cases[] = {
        {MODULE("\5\4\1\0\x81\x10"),
         "memory section, offset 11: memory minimum 131136 KiB is above limit.memory_bytes 128 MiB"},
        {MODULE("\5\6\1\0\xff\xff\xff\x0f"), "more than 65536 pages (4 GiB)"},
        {MODULE("\5\4\1\1\2\1"), "memory minimum 2 is above its maximum 1"},
        {MODULE("\5\5\2\0\1\0\1"), "2 memories, at most 1 are allowed"},
        {MODULE("\5\4\1\3\1\1"), "shared memory (threads) is not supported"},
        {MODULE("\5\3\1\4\1"), "memory64"},
        {MODULE("\5\3\1\x08\1"), "unknown flags 0x08"},
        {MODULE("\4\6\1\x70\0\xa1\x8d\6"), "table minimum of 100001 entries, at most 100000 are allowed"},
        {MODULE("\4\4\1\x60\0\1"), "table type 0x60 is neither"},
        {MODULE("\4\1\x11"), "17 tables, at most 16 are allowed"},
        {MODULE("\6\3\xff\xff\x7f"), "2097151 globals, at most 100000 are allowed"},
    };
    REFUSE(cases);
}

static void exports(void **state) {
    (void)state;
    const struct refusal cases[] = {
        {MODULE(TYPES FUNCTION "\7\5\1\1f\0\1" CODE), "export \"f\" is function 1, but there are 1"},
        {MODULE(MEMORY "\7\5\1\1m\2\1"), "export \"m\" is memory 1, but there are 1"},
        {MODULE("\7\5\1\1t\4\0"), "export \"t\" is of unknown kind 4"},
        {MODULE(TYPES FUNCTION "\7\x0d\3\1f\0\0\1g\0\0\1f\0\0" CODE), "export \"f\" is there twice"},
        {MODULE("\x08\1\0"), "the start function is 0, but there are 0 functions"},
    };
    REFUSE(cases);
}

static void code(void **state) {
    (void)state;
    const struct refusal cases[] = {
        {MODULE(TYPES FUNCTION "\x0a\7\1\5\1\xff\xff\3\x7f"),
         "function 0 has 65535 locals or more, at most 50000 are allowed"},
        {MODULE(TYPES FUNCTION "\x0a\x08\1\6\1\1\x0b\x0b\x0b\x0b"), "local type 0x0b is unknown"},
        {MODULE(TYPES FUNCTION "\x0a\4\1\2\0\0"), "function 0 does not end with the instruction `end`"},
        {MODULE(TYPES FUNCTION "\x0a\3\1\1\0"), "function 0 does not end with the instruction `end`"},
        {MODULE(TYPES FUNCTION "\x0a\4\1\x09\0\x0b"), "function 0 has a body of 9 bytes, but only 2 are left"},
        {MODULE(TYPES FUNCTION "\x0a\6\1\x81\x80\x80\4\0"),
         "function 0 has a body of 8388609 bytes, at most 8388608 are allowed"},
    };
    REFUSE(cases);
}

static void small_outputs_are_told(void **state) {
    (void)state;
    struct wasm_limits none = {.memory_bytes = 1 << 20};
    struct wasm_output out = {.p = output_bytes, .capacity = 9};
    struct err e;
    assert_int_equal(wasm_prepare(MODULE(MEMORY), &none, &out, &e), -1);
    assert_int_equal(e.kind, ERR_RESOURCE_EXHAUSTED);
    assert_int_equal(wasm_prepare(MODULE(MEMORY), &none, &out, NULL), -1);
}

// xorshift: the same broken modules in every run.
static uint32_t next_random(uint64_t *seed) {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return (uint32_t)(*seed >> 32);
}

// Whatever is done to a module, the parser answers, and what it lets through it lets through again unchanged, unless exports for resets were
// added.
static void mutate_and_parse(struct span original, uint64_t *seed) {
    uint8_t *copy = mem_dup(original.p, original.n);
    size_t n = original.n;
    for (uint32_t changes = 1 + next_random(seed) % 4; changes > 0; changes--)
        copy[next_random(seed) % n] = (uint8_t)next_random(seed);
    if (next_random(seed) % 4 == 0)
        n = next_random(seed) % (n + 1);
    uint8_t *exact = mem_dup(copy, n); // so that a sanitizer sees a read beyond the end
    struct wasm_output out;
    struct err e;
    if (prepare(span_make(exact, n), &out, &e) == 0) {
        uint8_t *first = mem_dup(out.p, out.n);
        size_t first_bytes = out.n;
        if (prepare(span_make(first, first_bytes), &out, &e)) {
            assert_non_null(strstr(e.text, "\"" RESET_NAME_PREFIX "\", which is reserved"));
        } else {
            assert_true(span_equal(span_make(first, first_bytes), span_make(out.p, out.n)));
        }
        free(first);
    } else {
        assert_true(e.text[0] != '\0');
    }
    free(exact);
    free(copy);
}

static void broken_modules_never_crash(void **state) {
    (void)state;
    const struct span modules[] = {
        MODULE(TYPES "\2\x24\1\x16wasi_snapshot_preview1\x09proc_exit\0\1" FUNCTION TABLE MEMORY
                     "\7\5\1\1f\0\0\x08\1\0" CODE "\0\5\4name"),
        MODULE(TYPES FUNCTION TABLE MEMORY "\7\5\1\1f\0\0\x0c\1\1" CODE "\x0b\6\1\0\x41\0\x0b\0"),
    };
    uint64_t seed = 88172645463325252u;
    for (int round = 0; round < 300000; round++)
        mutate_and_parse(modules[round % 2], &seed);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_modules_come_out_as_they_are),
        cmocka_unit_test(custom_sections_are_gone),
        cmocka_unit_test(table_maximums_are_brought_down),
        cmocka_unit_test(headers),
        cmocka_unit_test(sections),
        cmocka_unit_test(types),
        cmocka_unit_test(imports),
        cmocka_unit_test(limits),
        cmocka_unit_test(exports),
        cmocka_unit_test(code),
        cmocka_unit_test(small_outputs_are_told),
        cmocka_unit_test(broken_modules_never_crash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
