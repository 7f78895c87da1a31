// Rules are tried from top to bottom, so a special case stands before the general one. A pattern is a text with at most one '*' at its end
// or its beginning; NULL fits everything.
#include "worker/wasm_strangers.h"

#include "base/mem.h"

#define REBUILD                                                                                                        \
    "rebuild it as a WASI command (clang --target=wasm32-wasi, rustc --target wasm32-wasip1, GOOS=wasip1 GOARCH=wasm " \
    "go build)"
#define EMSCRIPTEN                                                                                                     \
    "the module was built by Emscripten for a JavaScript host: rebuild it with emcc -sSTANDALONE_WASM -o NAME.wasm "   \
    "(without -pthread, -sMAIN_MODULE and JavaScript libraries), or with clang --target=wasm32-wasi"
#define BINDGEN                                                                                                        \
    "the module was built by wasm-bindgen for a browser: rebuild it with cargo build --target wasm32-wasip1, without " \
    "wasm-bindgen, web-sys and js-sys"
#define THREADS                                                                                                        \
    "the module uses threads, which are not supported: rebuild it without them (-pthread, wasm32-wasip1-threads)"
#define GO_BROWSER "the module was built by Go or TinyGo for a browser: rebuild it with GOOS=wasip1 GOARCH=wasm"
#define LINKING                                                                                                        \
    "the module is an object file or a dynamic library: link it into a whole program (clang --target=wasm32-wasi -o "  \
    "NAME.wasm NAME.o)"
#define SOCKETS                                                                                                        \
    "WASI preview 1 has no such function, it belongs to WasmEdge's or another runtime's socket extension: rebuild it " \
    "without outgoing connections"
#define PREVIEW2                                                                                                       \
    "the module was built for WASI preview 2 or 3 (a component's inside): rebuild it for preview 1, with rustc "       \
    "--target wasm32-wasip1 or clang --target=wasm32-wasi"
#define PLUGIN(host) "the module is a plugin for " host ", whose functions are not here: " REBUILD

static const struct {
    const char *module, *name, *advice;
} rules[] = {
    {"wasi", "thread-spawn", THREADS},
    {"wasi_snapshot_preview1", "thread*", THREADS},
    {"wasi_snapshot_preview1", "sock_*", SOCKETS},
    {"wasi_unstable", "sock_accept", "wasi_unstable has no such function: rebuild it for wasi_snapshot_preview1"},
    {"wasi_snapshot_preview1", NULL, "WASI preview 1 has no such function: " REBUILD},
    {"wasi_unstable", NULL,
     "wasi_unstable (WASI of 2019) has no such function: rebuild the module with a toolchain of today, for "
     "wasi_snapshot_preview1"},
    {"wasi_snapshot_preview2", NULL, PREVIEW2},
    {"wasi:*", NULL, PREVIEW2},
    {"cm32p2*", NULL, PREVIEW2},
    {"wasix_*", NULL, "the module was built for WASIX: rebuild it for plain WASI preview 1 (without cargo wasix)"},
    {"wasi_nn", NULL, "models are not served by this host (wasi-nn): " REBUILD},
    {"wasi_ephemeral_nn", NULL, "models are not served by this host (wasi-nn): " REBUILD},
    {"wasi_*", NULL, "this WASI proposal is not here; there is WASI preview 1: " REBUILD},
    {"env", "__linear_memory", LINKING},
    {"env", "__indirect_function_table", LINKING},
    {"env", "__stack_pointer", LINKING},
    {"env", "__memory_base", LINKING},
    {"env", "__table_base", LINKING},
    {"GOT.*", NULL, LINKING},
    {"env", "proxy_*", PLUGIN("Envoy (proxy-wasm)")},
    {"extism:*", NULL, PLUGIN("Extism")},
    {"wapc", NULL, PLUGIN("waPC")},
    {"wasmcloud*", NULL, PLUGIN("wasmCloud")},
    {"env", "abort",
     "the module looks like AssemblyScript's, whose abort comes from JavaScript: rebuild it with asc --use abort=, or "
     "with an abort of your own (--use abort=FILE/FUNCTION)"},
    {"env", "seed",
     "the module looks like AssemblyScript's, whose random seed comes from JavaScript: rebuild it with asc --use "
     "seed= and a function of your own"},
    {"env", "trace",
     "the module looks like AssemblyScript's, whose trace comes from JavaScript: rebuild it with asc --use trace="},
    {"env", "console.*",
     "the module looks like AssemblyScript's and uses JavaScript's console: rebuild it with functions of WASI or "
     "spear"},
    {"env", "Date.*",
     "the module looks like AssemblyScript's and uses JavaScript's Date: rebuild it with spear.time_now_ms"},
    {"env", "emscripten_*", EMSCRIPTEN},
    {"env", "_emscripten_*", EMSCRIPTEN},
    {"env", "invoke_*", EMSCRIPTEN},
    {"env", "__cxa_*", EMSCRIPTEN},
    {"env", "__syscall_*", EMSCRIPTEN},
    {"env", "_embind_*", EMSCRIPTEN},
    {"env", "_emval_*", EMSCRIPTEN},
    {"env", "memory",
     "a JavaScript host would bring it (Emscripten, or a linker with --import-memory): rebuild the module with a "
     "memory "
     "of its own, without --import-memory and --shared-memory"},
    {"env", NULL,
     "the module was built for Emscripten or a browser, or uses a symbol that nothing defines "
     "(-Wl,--allow-undefined): rebuild it with emcc -sSTANDALONE_WASM or clang --target=wasm32-wasi, and link what is "
     "missing"},
    {"wbg", NULL, BINDGEN},
    {"__wbindgen_*", NULL, BINDGEN},
    {"*_bg.js", NULL, BINDGEN},
    {"go", NULL, GO_BROWSER},
    {"gojs", NULL, GO_BROWSER},
    {"*.js", NULL, "the module was built for a JavaScript host: " REBUILD},
    {"*.mjs", NULL, "the module was built for a JavaScript host: " REBUILD},
    {"wasm:*", NULL, "the module uses built-ins of JavaScript engines: " REBUILD},
    {"js*", NULL, "the module was built for a JavaScript host: " REBUILD},
    {"index", NULL, "the module takes functions of its JavaScript host (AssemblyScript, declare): " REBUILD},
};

static bool matches(struct span text, const char *pattern) {
    size_t n = pattern ? strlen(pattern) : 0;
    if (!pattern)
        return true;
    if (pattern[0] == '*')
        return span_ends_with(text, pattern + 1);
    if (pattern[n - 1] == '*')
        return text.n >= n - 1 && memcmp(text.p, pattern, n - 1) == 0;
    return span_equal_text(text, pattern);
}

const char *wasm_stranger_advice(struct span module, struct span name) {
    for (size_t i = 0; i < COUNT_OF(rules); i++)
        if (matches(module, rules[i].module) && matches(name, rules[i].name))
            return rules[i].advice;
    // Emscripten with -O2 and above renames all that it imports: "a"."b".
    if (module.n == 1 && name.n <= 2)
        return "its imports have minified names, as Emscripten gives them: " EMSCRIPTEN;
    return "the host's modules are wasi_snapshot_preview1, wasi_unstable and spear: " REBUILD;
}
