// Files that people upload by mistake, by their first four bytes. A new one is a line in the table.
#include "model/module_head.h"

#include "base/mem.h"

#include <stdio.h>

#define COMPILE_IT                                                                                                     \
    "compile its source for WebAssembly (clang --target=wasm32-wasi, rustc --target wasm32-wasip1, GOOS=wasip1 "       \
    "GOARCH=wasm go build)"
#define LINK_IT     "link it into a module: clang --target=wasm32-wasi -o NAME.wasm NAME.o"
#define TEXT_FORMAT "compile it with wat2wasm NAME.wat"

static const struct {
    unsigned char bytes[MODULE_MAGIC_BYTES];
    unsigned char count;
    struct module_head head;
} known[] = {
    {{0x7f, 'E', 'L', 'F'}, 4, {"an ELF program (a native program for Linux)", COMPILE_IT}},
    {{'M', 'Z'}, 2, {"a PE program (a native program for Windows)", COMPILE_IT}},
    {{0xcf, 0xfa, 0xed, 0xfe}, 4, {"a Mach-O program (native code for macOS)", COMPILE_IT}},
    {{0xca, 0xfe, 0xba, 0xbe}, 4, {"a Java class or a macOS universal program", COMPILE_IT}},
    {{'#', '!'}, 2, {"a script", "compile a program for WebAssembly, or an interpreter for it, and upload that"}},
    {{'(', 'm', 'o', 'd'}, 4, {"WebAssembly text", TEXT_FORMAT}},
    {{'(', 'c', 'o', 'm'}, 4, {"WebAssembly text (a component)", "write a core module and " TEXT_FORMAT}},
    {{'(', ';'}, 2, {"WebAssembly text", TEXT_FORMAT}},
    {{';', ';'}, 2, {"WebAssembly text", TEXT_FORMAT}},
    {{'!', '<', 'a', 'r'}, 4, {"a static library (ar archive)", LINK_IT}},
    {{'B', 'C', 0xc0, 0xde}, 4, {"LLVM bitcode", "compile it without -emit-llvm or -flto, and " LINK_IT}},
    {{0x1f, 0x8b}, 2, {"gzip-compressed", "decompress it first: gunzip NAME.gz"}},
    {{0x28, 0xb5, 0x2f, 0xfd}, 4, {"zstd-compressed", "decompress it first: unzstd NAME.zst"}},
    {{0xfd, '7', 'z', 'X'}, 4, {"xz-compressed", "decompress it first: unxz NAME.xz"}},
    {{'B', 'Z', 'h'}, 3, {"bzip2-compressed", "decompress it first: bunzip2 NAME.bz2"}},
    {{'P', 'K', 3, 4}, 4, {"a zip archive", "unpack it first: unzip NAME.zip"}},
    {{'<', '!', 'D', 'O'}, 4, {"an HTML page", "download the module itself; what came is a web page"}},
    {{'<', '!', 'd', 'o'}, 4, {"an HTML page", "download the module itself; what came is a web page"}},
    {{'<', 'h', 't', 'm'}, 4, {"an HTML page", "download the module itself; what came is a web page"}},
    {{'v', 'e', 'r', 's'}, 4, {"text (perhaps a Git LFS pointer)", "fetch the file itself: git lfs pull"}},
};

bool module_head_recognize(struct span file, struct module_head *ret) {
    for (size_t i = 0; i < COUNT_OF(known); i++) {
        if (file.n >= known[i].count && memcmp(file.p, known[i].bytes, known[i].count) == 0) {
            *ret = known[i].head;
            return true;
        }
    }
    return false;
}

void module_head_text(struct span file, char ret_text[MODULE_HEAD_TEXT]) {
    int at = snprintf(ret_text, MODULE_HEAD_TEXT, "%s", file.n ? "" : "nothing");
    for (size_t i = 0; i < file.n && i < MODULE_HEAD_BYTES; i++)
        at += snprintf(ret_text + at, MODULE_HEAD_TEXT - (size_t)at, i ? " %02x" : "%02x", (unsigned char)file.p[i]);
}

int module_head_check(struct span file, struct err *e) {
    struct module_head head;
    char seen[MODULE_HEAD_TEXT];
    if (file.n >= MODULE_MAGIC_BYTES && memcmp(file.p, "\0asm", MODULE_MAGIC_BYTES) == 0)
        return 0;
    module_head_text(file, seen);
    if (file.n == 0)
        return err_set(e, ERR_INVALID_CONFIGURATION,
                       "missing WASM magic header: the file is empty (the first bytes are nothing); look whether the "
                       "build wrote it, and upload it again");
    if (module_head_recognize(file, &head))
        return err_set(e, ERR_INVALID_CONFIGURATION,
                       "missing WASM magic header: the first bytes are %s, not 00 61 73 6d; this is %s: %s", seen,
                       head.what, head.advice);
    return err_set(e, ERR_INVALID_CONFIGURATION,
                   "missing WASM magic header: the first bytes are %s, not 00 61 73 6d; this is no WebAssembly module",
                   seen);
}
