// What preparation adds so that a reset reaches a module's state, and which modules it adds it to.
#include "base/buf.h"
#include "base/mem.h"
#include "worker/wasm_instructions.h"
#include "worker/wasm_module.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static uint8_t output_bytes[1 << 20];

static int prepare(struct span module, size_t capacity, struct wasm_output *out, struct err *e) {
    const struct wasm_limits limits = {.memory_bytes = 128 << 20};
    *out = (struct wasm_output){.p = output_bytes, .capacity = capacity};
    return wasm_prepare(module, &limits, out, e);
}

#define HEADER           "\0asm\1\0\0\0"
#define MODULE(sections) SPAN_LITERAL(HEADER sections)
#define TYPES            "\1\4\1\x60\0\0"
#define FUNCTION         "\3\2\1\0"
#define MEMORY           "\5\3\1\0\1"
#define EXPORT           "\7\5\1\1f\0\0"
#define CODE             "\x0a\4\1\2\0\x0b"
#define DATA             "\x0b\4\1\1\1x"

static void accept(struct span module, struct span wanted) {
    struct wasm_output out;
    struct err e;
    if (prepare(module, sizeof output_bytes, &out, &e))
        fail_msg("refused: %s", e.text);
    assert_true(span_equal(span_make(out.p, out.n), wanted));
}

static bool is_marked(struct span module) {
    struct wasm_output out;
    struct err e;
    if (prepare(module, sizeof output_bytes, &out, &e))
        fail_msg("refused: %s", e.text);
    return span_contains(span_make(out.p, out.n), SPAN_LITERAL("spear:reset"));
}

static void exports_are_added(void **state) {
    (void)state;
    accept(MODULE(TYPES FUNCTION EXPORT CODE DATA),
           MODULE(TYPES FUNCTION "\7\x13\2\1f\0\0\x0bspear:reset\0\0" CODE DATA));
    accept(MODULE(TYPES FUNCTION MEMORY "\7\1\0" CODE),
           MODULE(TYPES FUNCTION MEMORY "\7\x24\2\x0bspear:reset\0\0\x12spear:reset memory\2\0" CODE));
    // Of three globals the last two are mutable.
#define GLOBALS "\6\x18\3\x7f\0\x41\1\x0b\x7c\1\x44\0\0\0\0\0\0\xf0\x3f\x0b\x7e\1\x42\xe6\0\x0b"
    accept(MODULE(TYPES FUNCTION GLOBALS EXPORT CODE),
           MODULE(TYPES FUNCTION GLOBALS
                  "\7\x33\4\1f\0\0\x0bspear:reset\0\0\x0dspear:reset 1\3\1\x0dspear:reset 2\3\2" CODE));
}

// A size or count that was written with padding comes out shorter.
static void padded_heads_shrink(void **state) {
    (void)state;
    accept(MODULE(TYPES FUNCTION "\7\x8d\x80\x80\x80\0\x81\x80\x80\x80\0\5fffff\0\0" CODE DATA),
           MODULE(TYPES FUNCTION "\7\x17\2\5fffff\0\0\x0bspear:reset\0\0" CODE DATA));
}

static void modules_without_entries_are_left_alone(void **state) {
    (void)state;
    accept(MODULE(TYPES FUNCTION MEMORY CODE), MODULE(TYPES FUNCTION MEMORY CODE));
    accept(MODULE(MEMORY "\7\5\1\1m\2\0"), MODULE(MEMORY "\7\5\1\1m\2\0"));
}

static void reserved_names_are_refused(void **state) {
    (void)state;
    struct wasm_output out;
    struct err e;
    assert_int_equal(prepare(MODULE(TYPES FUNCTION "\7\x0f\1\x0bspear:reset\0\0" CODE), 1000, &out, &e), -1);
    assert_non_null(strstr(e.text, "export \"spear:reset\" begins with \"spear:reset\", which is reserved: rename it"));
    assert_int_equal(prepare(MODULE(TYPES FUNCTION "\7\x11\1\x0dspear:reset 7\0\0" CODE), 1000, &out, &e), -1);
}

static void small_outputs_are_told(void **state) {
    (void)state;
    struct span module = MODULE(TYPES FUNCTION EXPORT CODE);
    struct wasm_output out;
    struct err e;
    assert_int_equal(prepare(module, module.n + 13, &out, &e), -1);
    assert_int_equal(e.kind, ERR_RESOURCE_EXHAUSTED);
    assert_int_equal(prepare(module, module.n + 14, &out, &e), 0);
}

// ---- what leaves traces

static void mutable_references_leave_traces(void **state) {
    (void)state;
    assert_false(is_marked(MODULE(TYPES FUNCTION "\6\6\1\x70\1\xd0\x70\x0b" EXPORT CODE)));
    assert_true(is_marked(MODULE(TYPES FUNCTION "\6\6\1\x70\0\xd0\x70\x0b" EXPORT CODE)));
    assert_false(is_marked(MODULE(TYPES FUNCTION "\6\4\1\x7f\1\xff" EXPORT CODE)));
}

static void many_mutable_globals_leave_traces(void **state) {
    (void)state;
    for (unsigned count = 256; count <= 257; count++) {
        struct buf module;
        buf_init(&module, 10000);
        buf_append(&module, HEADER TYPES FUNCTION, sizeof HEADER TYPES FUNCTION - 1);
        unsigned size = count * 5 + 2;
        const char head[] = {6, (char)(0x80 | size), (char)(size >> 7), (char)(0x80 | count), (char)(count >> 7)};
        buf_append(&module, head, sizeof head);
        for (unsigned i = 0; i < count; i++)
            buf_append(&module, "\x7f\1\x41\0\x0b", 5);
        buf_append(&module, EXPORT CODE, sizeof EXPORT CODE - 1);
        assert_int_equal(is_marked(buf_span(&module)), count == 256);
        buf_done(&module);
    }
}

static bool is_undoable(struct span code) {
    struct wasm_decoder decoder;
    wasm_decoder_init(&decoder);
    return wasm_code_is_undoable(&decoder, code);
}

static void lasting_instructions_are_found(void **state) {
    (void)state;
    const struct span lasting[] = {
        SPAN_LITERAL("\x26\0\x0b"),           // table.set
        SPAN_LITERAL("\xfc\x09\0\x0b"),       // data.drop
        SPAN_LITERAL("\xfc\x0c\0\0\x0b"),     // table.init
        SPAN_LITERAL("\xfc\x0d\0\x0b"),       // elem.drop
        SPAN_LITERAL("\xfc\x0e\0\0\x0b"),     // table.copy
        SPAN_LITERAL("\xfc\x0f\0\x0b"),       // table.grow
        SPAN_LITERAL("\xfc\x11\0\x0b"),       // table.fill
        SPAN_LITERAL("\xfc\x89\x80\0\0\x0b"), // data.drop, its number padded
        SPAN_LITERAL("\x06\x40\x0b\x0b"),     // try
        SPAN_LITERAL("\xfb\0\0\x0b"),         // garbage collection
        SPAN_LITERAL("\xfe\0\0\0\x0b"),       // threads
        SPAN_LITERAL("\xfd\x80\2\x0b"),       // relaxed vectors
        SPAN_LITERAL("\x28\x40\0\0\x0b"),     // a load from another memory
        SPAN_LITERAL("\x40\1\x0b"),           // another memory's growth
        SPAN_LITERAL("\x02\x63\x70\x0b\x0b"), // a typed reference
        SPAN_LITERAL("\xd0\x6e\x0b"),         SPAN_LITERAL("\x41\x80\x80\x80\x80\x80\0\x0b"),
    };
    for (size_t i = 0; i < COUNT_OF(lasting); i++)
        if (is_undoable(lasting[i]))
            fail_msg("case %zu was taken for harmless", i);
}

// Each with immediates that would be a table.set if they were taken for an instruction.
#define BYTES(literal)                                                                                                 \
    { literal, sizeof(literal) - 1 }
static const struct span harmless[] = {
    BYTES("\0\1\x0b"),
    BYTES("\x02\x40\x03\x7f\x04\x26\x05\x0b\x0b\x0b\x0b"),
    BYTES("\x02\xa6\0\x0b\x0b"),
    BYTES("\x0c\x26\x0d\x26\x0e\2\x26\x26\x26\x0f\x0b"),
    BYTES("\x10\x26\x11\x26\x26\x12\x26\x13\x26\x26\x0b"),
    BYTES("\x1a\x1b\x1c\1\x7f\x20\x26\x21\x26\x22\x26\x23\x26\x24\x26\x25\x26\x0b"),
    BYTES("\x28\x26\x26\x3e\x26\xa6\x26\x3f\0\x40\0\x0b"),
    BYTES("\x41\x26\x42\xa6\xa6\xa6\xa6\xa6\xa6\xa6\xa6\xa6\0\x0b"),
    BYTES("\x43\x26\x26\x26\x26\x44\x26\x26\x26\x26\x26\x26\x26\x26\x0b"),
    BYTES("\x45\xc4\xd0\x70\xd0\x6f\xd1\xd2\x26\x0b"),
    BYTES("\xfc\0\xfc\7\xfc\x08\x26\0\xfc\x0a\0\0\xfc\x0b\0\xfc\x10\x26\x0b"),
    BYTES("\xfd\0\x26\x26\xfd\x0b\x26\x26\xfd\x5c\x26\x26\xfd\x5d\x26\x26\x0b"),
    BYTES("\xfd\x0c&&&&&&&&&&&&&&&&\xfd\x0d&&&&&&&&&&&&&&&&\x0b"),
    BYTES("\xfd\x0e\xfd\x14\xfd\x15\x26\xfd\x22\x26\xfd\x23\xfd\x53\xfd\x54\x26\x26\x26\xfd\x5b\x26\x26\x26\xfd"
          "\x5e\xfd\xff\1\x0b"),
};

static void harmless_instructions_are_passed(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(harmless); i++)
        if (!is_undoable(harmless[i]))
            fail_msg("case %zu was not understood", i);
}

// Code that ends inside an instruction is not understood; the reader stays inside it (a sanitizer sees).
static void cut_instructions_are_not_understood(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT_OF(harmless); i++) {
        for (size_t n = 0; n < harmless[i].n; n++) {
            AUTO_FREE char *cut = mem_dup(harmless[i].p, n);
            is_undoable(span_make(cut, n));
        }
    }
    assert_false(is_undoable(SPAN_LITERAL("\x43\0\0\0")));
    assert_false(is_undoable(SPAN_LITERAL("\x0e\xff\xff\xff\xff\x0f\0")));
    assert_false(is_undoable(SPAN_LITERAL("\xfd\x0c\0")));
}

static void constants_have_an_end(void **state) {
    (void)state;
    struct wasm_decoder d;
    wasm_decoder_init(&d);
    assert_int_equal(wasm_constant_bytes(&d, SPAN_LITERAL("\x41\x0b\x0b\x0b")), 3);
    assert_int_equal(wasm_constant_bytes(&d, SPAN_LITERAL("\x23\0\x42\1\x7c\x0b")), 6);
    assert_int_equal(wasm_constant_bytes(&d, SPAN_LITERAL("\x41\0")), 0);
    assert_int_equal(wasm_constant_bytes(&d, SPAN_LITERAL("\x02\x40\x0b\x0b")), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exports_are_added),
        cmocka_unit_test(padded_heads_shrink),
        cmocka_unit_test(modules_without_entries_are_left_alone),
        cmocka_unit_test(reserved_names_are_refused),
        cmocka_unit_test(small_outputs_are_told),
        cmocka_unit_test(mutable_references_leave_traces),
        cmocka_unit_test(many_mutable_globals_leave_traces),
        cmocka_unit_test(lasting_instructions_are_found),
        cmocka_unit_test(harmless_instructions_are_passed),
        cmocka_unit_test(cut_instructions_are_not_understood),
        cmocka_unit_test(constants_have_an_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
