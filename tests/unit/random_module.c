// An assembler of a few functions, and a choice at every turn. Sections are gathered one by one, since their length comes first.
#include "random_module.h"

#include "base/mem.h"

enum { I32 = 0x7f, I64 = 0x7e, F32 = 0x7d, F64 = 0x7c, V128 = 0x7b, FUNCREF = 0x70 };
enum {
    END = 0x0b,
    DROP = 0x1a,
    LOCAL_GET = 0x20,
    LOCAL_SET = 0x21,
    GLOBAL_GET = 0x23,
    GLOBAL_SET = 0x24,
    I32_CONST = 0x41
};
enum { TYPE_FUNCTION, TYPE_START }; // (i32) -> (i32), () -> ()
enum { GLOBALS_MAX = 6, FUEL = 60, BODY_STATEMENTS_MAX = 12, BYTES_MAX = 1 << 20 };

struct maker {
    uint64_t seed;
    struct random_module *out;
    uint32_t pages, pages_max, function_count, table_entries, passive_count, active_count;
    uint8_t global_types[GLOBALS_MAX];
    bool global_mutable[GLOBALS_MAX];
    uint32_t global_count; // global 0 is the fuel
    bool has_memory, has_start, may_leave_traces;
};

// xorshift
uint32_t random_next(uint64_t *seed) {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return (uint32_t)(*seed >> 32);
}

static uint32_t below(struct maker *m, uint32_t n) {
    return random_next(&m->seed) % n;
}

// ---- bytes

static void put(struct buf *b, unsigned byte) {
    const uint8_t value = (uint8_t)byte;
    ASSERT(buf_append(b, &value, 1) == 0);
}

#define PUT(b, ...) put_all(b, (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))
static void put_all(struct buf *b, const uint8_t *bytes, size_t n) {
    ASSERT(buf_append(b, bytes, n) == 0);
}

static void put_u32(struct buf *b, uint32_t value) {
    for (; value >= 0x80; value >>= 7)
        put(b, value | 0x80);
    put(b, value);
}

static void put_i32(struct buf *b, int32_t value) {
    while (value < -64 || value > 63) {
        put(b, ((unsigned)value & 0x7f) | 0x80);
        value >>= 7;
    }
    put(b, (unsigned)value & 0x7f);
}

static void put_random(struct maker *m, struct buf *b, size_t n) {
    while (n-- > 0)
        put(b, below(m, 256));
}

static void put_name(struct buf *b, const char *name) {
    put_u32(b, (uint32_t)strlen(name));
    ASSERT(buf_append(b, name, strlen(name)) == 0);
}

// `content` goes out behind its length, and is empty again.
static void put_sized(struct buf *b, struct buf *content) {
    put_u32(b, (uint32_t)content->n);
    ASSERT(buf_append(b, buf_text(content), content->n) == 0);
    content->n = 0;
}

static void constant(struct buf *b, int32_t value) {
    put(b, I32_CONST);
    put_i32(b, value);
}

// ---- statements: each leaves the stack as it was

// Mostly inside of the memory as it is at first; sometimes beyond.
static void address(struct maker *m, struct buf *b) {
    uint32_t bytes = m->pages * 65536;
    if (below(m, 12) == 0)
        bytes = (m->pages_max + 1) * 65536;
    constant(b, bytes ? (int32_t)below(m, bytes) : 0);
    if (below(m, 4) == 0 && bytes) { // plus the param, kept small
        PUT(b, LOCAL_GET, 0);
        constant(b, 0xff);
        put(b, 0x71); // i32.and
        put(b, 0x6a); // i32.add
    }
}

static void store(struct maker *m, struct buf *b) {
    static const uint8_t stores[] = {0x36, 0x3a, 0x3b}; // i32.store, .store8, .store16
    address(m, b);
    if (below(m, 5) == 0) {
        PUT(b, 0xfd, 12);
        put_random(m, b, 16);   // v128.const
        PUT(b, 0xfd, 11, 0, 0); // v128.store
        return;
    }
    PUT(b, LOCAL_GET, 0);
    constant(b, (int32_t)random_next(&m->seed));
    put(b, 0x6a);
    PUT(b, stores[below(m, COUNT_OF(stores))], 0);
    put_u32(b, below(m, 64));
}

static void bulk(struct maker *m, struct buf *b) {
    uint32_t what = below(m, m->passive_count ? 3 : 2);
    address(m, b);
    if (what == 0) { // memory.fill
        constant(b, (int32_t)below(m, 256));
        constant(b, (int32_t)below(m, 20000));
        PUT(b, 0xfc, 11, 0);
    } else if (what == 1) { // memory.copy
        address(m, b);
        constant(b, (int32_t)below(m, 20000));
        PUT(b, 0xfc, 10, 0, 0);
    } else { // memory.init
        constant(b, (int32_t)below(m, 4));
        constant(b, (int32_t)below(m, 6));
        PUT(b, 0xfc, 8);
        put_u32(b, below(m, m->passive_count));
        put(b, 0);
    }
}

static void value_of(struct maker *m, struct buf *b, uint8_t type) {
    if (type == I32) {
        constant(b, (int32_t)random_next(&m->seed));
    } else if (type == I64) {
        put(b, 0x42);
        put_i32(b, (int32_t)random_next(&m->seed));
    } else if (type == F32) {
        put(b, 0x43);
        put_random(m, b, 4);
    } else if (type == F64) {
        put(b, 0x44);
        put_random(m, b, 8);
    } else {
        PUT(b, 0xfd, 12);
        put_random(m, b, 16);
    }
}

static void set_global(struct maker *m, struct buf *b) {
    uint32_t index = 1 + below(m, m->global_count);
    if (index == m->global_count || !m->global_mutable[index])
        return;
    value_of(m, b, m->global_types[index]);
    if (m->global_types[index] == I32 && below(m, 2))
        PUT(b, LOCAL_GET, 0, 0x6a);
    put(b, GLOBAL_SET);
    put_u32(b, index);
}

static void grow(struct maker *m, struct buf *b) {
    constant(b, (int32_t)below(m, 3));
    PUT(b, 0x40, 0);
    PUT(b, LOCAL_GET, 0, 0x6a, LOCAL_SET, 0);
}

static void call(struct maker *m, struct buf *b) {
    PUT(b, LOCAL_GET, 0);
    if (m->table_entries && below(m, 2)) {
        constant(b, (int32_t)below(m, m->table_entries + (below(m, 20) == 0)));
        PUT(b, 0x11, TYPE_FUNCTION, 0); // call_indirect
    } else {
        put(b, 0x10);
        put_u32(b, below(m, m->function_count));
    }
    PUT(b, LOCAL_SET, 0);
}

static void trap(struct maker *m, struct buf *b) {
    if (below(m, 2)) { // i32.div_u by the param's lowest bits
        constant(b, 100);
        PUT(b, LOCAL_GET, 0);
        constant(b, 7);
        PUT(b, 0x71, 0x6e, DROP);
    } else { // unreachable, when the param is a multiple of 8
        PUT(b, LOCAL_GET, 0);
        constant(b, 7);
        PUT(b, 0x71, 0x45);
        PUT(b, 0x04, 0x40, 0, END);
    }
}

static void leave_trace(struct maker *m, struct buf *b) {
    if (m->passive_count && below(m, 2)) {
        PUT(b, 0xfc, 9);
        put_u32(b, below(m, m->passive_count)); // data.drop
    } else if (m->table_entries) {
        constant(b, (int32_t)below(m, m->table_entries));
        put(b, 0xd2);
        put_u32(b, below(m, m->function_count));
        PUT(b, 0x26, 0); // table.set of a function
    } else {
        return;
    }
    m->out->leaves_traces = true;
}

static void statement(struct maker *m, struct buf *b) {
    uint32_t choice = below(m, 16);
    if (choice < 6 && m->has_memory)
        store(m, b);
    else if (choice < 8 && m->has_memory)
        bulk(m, b);
    else if (choice == 8 && m->has_memory)
        grow(m, b);
    else if (choice < 12)
        set_global(m, b);
    else if (choice < 14)
        call(m, b);
    else if (choice == 14 && below(m, 3) == 0)
        trap(m, b);
    else if (choice == 15 && m->may_leave_traces)
        leave_trace(m, b);
}

// ---- functions

// if (fuel == 0) return param; fuel--
static void burn(struct buf *b) {
    PUT(b, GLOBAL_GET, 0, 0x45, 0x04, 0x40); // i32.eqz, if
    PUT(b, LOCAL_GET, 0, 0x0f, END);         // return
    PUT(b, GLOBAL_GET, 0);
    constant(b, 1);
    PUT(b, 0x6b, GLOBAL_SET, 0);
}

static void function(struct maker *m, struct buf *b) {
    put(b, 0); // no locals
    burn(b);
    for (uint32_t left = below(m, BODY_STATEMENTS_MAX); left > 0; left--)
        statement(m, b);
    if (below(m, 3) == 0) { // a loop over some more, until the fuel is gone
        PUT(b, 0x03, 0x40);
        burn(b);
        statement(m, b);
        constant(b, 1);
        PUT(b, 0x0d, 0, END); // br_if
    }
    PUT(b, LOCAL_GET, 0);
    constant(b, (int32_t)below(m, 1000));
    PUT(b, 0x6a, END);
}

// ---- sections

static void section(struct maker *m, unsigned id, struct buf *content) {
    put(&m->out->bytes, id);
    put_sized(&m->out->bytes, content);
}

static void types_and_functions(struct maker *m, struct buf *b) {
    ASSERT(buf_append(b, "\2\x60\1\x7f\1\x7f\x60\0\0", 9) == 0);
    section(m, 1, b);
    put_u32(b, m->function_count + m->has_start);
    for (uint32_t i = 0; i < m->function_count; i++)
        put(b, TYPE_FUNCTION);
    if (m->has_start)
        put(b, TYPE_START);
    section(m, 3, b);
}

static void state(struct maker *m, struct buf *b) {
    if (m->table_entries) {
        PUT(b, 1, FUNCREF, 0);
        put_u32(b, m->table_entries);
        section(m, 4, b);
    }
    if (m->has_memory) {
        PUT(b, 1, 1);
        put_u32(b, m->pages);
        put_u32(b, m->pages_max);
        section(m, 5, b);
    }
    put_u32(b, m->global_count);
    PUT(b, I32, 1);
    constant(b, FUEL);
    put(b, END);
    for (uint32_t i = 1; i < m->global_count; i++) {
        PUT(b, m->global_types[i], m->global_mutable[i]);
        value_of(m, b, m->global_types[i]);
        put(b, END);
    }
    section(m, 6, b);
}

static void exports(struct maker *m, struct buf *b) {
    bool shows_memory = m->has_memory && below(m, 2);
    put_u32(b, m->function_count + shows_memory);
    for (uint32_t i = 0; i < m->function_count; i++) {
        char name[3] = {'f', (char)('0' + i), '\0'};
        put_name(b, name);
        put(b, 0);
        put_u32(b, i);
    }
    if (shows_memory) {
        put_name(b, "memory");
        PUT(b, 2, 0);
    }
    section(m, 7, b);
}

static void start_and_elements(struct maker *m, struct buf *b) {
    if (m->has_start) {
        put_u32(b, m->function_count);
        section(m, 8, b);
    }
    if (m->table_entries) { // one entry may stay empty
        uint32_t count = m->table_entries - below(m, 2);
        PUT(b, 1, 0);
        constant(b, 0);
        put(b, END);
        put_u32(b, count);
        while (count-- > 0)
            put_u32(b, below(m, m->function_count));
        section(m, 9, b);
    }
}

// Code may name segments only when it is said before how many there are.
static void data_count(struct maker *m, struct buf *b) {
    put_u32(b, m->passive_count + m->active_count);
    section(m, 12, b);
}

static void code(struct maker *m, struct buf *b) {
    struct buf body;
    buf_init(&body, BYTES_MAX);
    put_u32(b, m->function_count + m->has_start);
    for (uint32_t i = 0; i < m->function_count; i++) {
        function(m, &body);
        put_sized(b, &body);
    }
    if (m->has_start) {
        put(&body, 0);
        constant(&body, (int32_t)below(m, 100));
        put(&body, 0x10);
        put_u32(&body, below(m, m->function_count));
        PUT(&body, DROP, END);
        put_sized(b, &body);
    }
    section(m, 10, b);
    buf_done(&body);
}

static void data(struct maker *m, struct buf *b) {
    put_u32(b, m->passive_count + m->active_count);
    for (uint32_t i = 0; i < m->passive_count; i++) {
        PUT(b, 1, 8);
        put_random(m, b, 8);
    }
    for (uint32_t i = 0; i < m->active_count; i++) {
        uint32_t n = below(m, 300);
        put(b, 0);
        constant(b, (int32_t)below(m, m->pages * 65536 - n));
        put(b, END);
        put_u32(b, n);
        put_random(m, b, n);
    }
    section(m, 11, b);
}

static void choose(struct maker *m) {
    m->may_leave_traces = below(m, 20) == 0;
    m->has_memory = below(m, 8) != 0;
    m->pages = m->has_memory ? below(m, 10) == 0 ? below(m, 80) : below(m, 4) : 0;
    m->pages_max = m->pages + below(m, 5);
    m->function_count = 1 + below(m, 6);
    m->table_entries = below(m, 3) == 0 ? 0 : 1 + below(m, 8);
    m->passive_count = m->has_memory ? below(m, 3) : 0;
    m->active_count = m->pages ? below(m, 4) : 0;
    m->has_start = below(m, 4) == 0;
    m->global_count = 1 + below(m, GLOBALS_MAX);
    for (uint32_t i = 0; i < m->global_count; i++) {
        m->global_types[i] = (uint8_t)(V128 + below(m, 5));
        m->global_mutable[i] = below(m, 4) != 0;
    }
}

void random_module_make(uint64_t seed, struct random_module *ret) {
    struct maker m = {.seed = seed * 0x9e3779b97f4a7c15u + 1, .out = ret};
    struct buf section_bytes;
    *ret = (struct random_module){0};
    buf_init(&ret->bytes, BYTES_MAX);
    buf_init(&section_bytes, BYTES_MAX);
    for (int i = 0; i < 8; i++)
        random_next(&m.seed);
    choose(&m);
    ret->function_count = m.function_count;
    ret->memory_pages = m.pages;
    ASSERT(buf_append(&ret->bytes, "\0asm\1\0\0\0", 8) == 0);
    types_and_functions(&m, &section_bytes);
    state(&m, &section_bytes);
    exports(&m, &section_bytes);
    start_and_elements(&m, &section_bytes);
    data_count(&m, &section_bytes);
    code(&m, &section_bytes);
    data(&m, &section_bytes);
    buf_done(&section_bytes);
}
