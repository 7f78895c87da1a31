// What the first bytes of a file say: modules pass, what people upload by mistake is named, nothing is read beyond the end.
#include "base/mem.h"
#include "model/module_head.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static void modules_pass(void **state) {
    (void)state;
    assert_int_equal(module_head_check(SPAN_LITERAL("\0asm"), NULL), 0);
    assert_int_equal(module_head_check(SPAN_LITERAL("\0asm\1\0\0\0"), NULL), 0);
    assert_int_equal(module_head_check(SPAN_LITERAL("\0asm\x0d\0\1\0"), NULL), 0); // the version is the worker's
}

static void mistakes_are_named(void **state) {
    (void)state;
    const struct {
        struct span file;
        const char *words[3];
    } cases[] = {
        {{NULL, 0}, {"the file is empty", "nothing", "upload it again"}},
        {SPAN_LITERAL("\7\6\5"), {"the first bytes are 07 06 05, not 00 61 73 6d", "no WebAssembly module", ""}},
        {SPAN_LITERAL("\0as"), {"the first bytes are 00 61 73,", "", ""}},
        {SPAN_LITERAL("\x7f"
                      "ELF\2\1\1\0\0"),
         {"7f 45 4c 46 02 01 01 00,", "an ELF program", "clang --target=wasm32-wasi"}},
        {SPAN_LITERAL("MZ\x90\0\3"), {"a PE program", "Windows", "GOOS=wasip1"}},
        {SPAN_LITERAL("\xcf\xfa\xed\xfe"), {"a Mach-O program", "", ""}},
        {SPAN_LITERAL("#!/bin/sh\n"), {"this is a script", "", ""}},
        {SPAN_LITERAL("(module)"), {"this is WebAssembly text: compile it with wat2wasm", "", ""}},
        {SPAN_LITERAL(";; a module"), {"this is WebAssembly text", "", ""}},
        {SPAN_LITERAL("(component"), {"a component", "core module", "wat2wasm"}},
        {SPAN_LITERAL("\x1f\x8b\x08"), {"gzip-compressed: decompress it first", "1f 8b 08", ""}},
        {SPAN_LITERAL("\x28\xb5\x2f\xfd"), {"zstd-compressed", "", ""}},
        {SPAN_LITERAL("PK\3\4"), {"a zip archive", "", ""}},
        {SPAN_LITERAL("!<arch>\n"), {"a static library", "link it", ""}},
        {SPAN_LITERAL("BC\xc0\xde"), {"LLVM bitcode", "", ""}},
        {SPAN_LITERAL("<!DOCTYPE html>"), {"an HTML page", "", ""}},
        {SPAN_LITERAL("<html>"), {"an HTML page", "", ""}},
        {SPAN_LITERAL("version https://git-lfs"), {"Git LFS", "git lfs pull", ""}},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct err e;
        assert_int_equal(module_head_check(cases[i].file, &e), -1);
        assert_int_equal(e.kind, ERR_INVALID_CONFIGURATION);
        assert_non_null(strstr(e.text, "missing WASM magic header"));
        for (size_t w = 0; w < COUNT_OF(cases[i].words); w++)
            if (!strstr(e.text, cases[i].words[w]))
                fail_msg("says '%s', wanted '%s'", e.text, cases[i].words[w]);
    }
}

static void cut_off_heads_are_unknown(void **state) {
    (void)state;
    static const struct span files[] = {{"\x7f"
                                         "ELF",
                                         4},
                                        {"\x1f\x8b", 2},
                                        {"(mod", 4}};
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        struct module_head head = {"untouched", NULL};
        uint8_t *exact = mem_dup(files[i].p, files[i].n - 1); // so that a sanitizer sees a read beyond the end
        assert_false(module_head_recognize(span_make(exact, files[i].n - 1), &head));
        assert_string_equal(head.what, "untouched");
        assert_true(module_head_recognize(files[i], &head));
        free(exact);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(modules_pass),
        cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(cut_off_heads_are_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
