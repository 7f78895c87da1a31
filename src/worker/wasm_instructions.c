// The decoder: one table of what follows each opcode. Linear in the code's size; nothing recurses, since nesting does not matter here.
#include "worker/wasm_instructions.h"

#include "base/mem.h"

enum immediate {
    UNKNOWN, // the value of every opcode that is not in the table
    NONE,
    INDEX,
    TWO_INDICES,
    LONG_INTEGER, // i64.const
    FOUR_BYTES,
    EIGHT_BYTES,
    ZERO_BYTE, // the one memory
    MEMORY_ARGUMENT,
    BLOCK_TYPE,
    BRANCH_TABLE,
    VALUE_TYPES,
    REFERENCE_TYPE,
    PREFIX_MISCELLANEOUS,
    PREFIX_VECTOR,
    LASTING // changes what a reset cannot reach
};

static const struct {
    uint8_t first, last, immediate;
} opcodes[] = {
    {0x00, 0x01, NONE},            // unreachable, nop
    {0x02, 0x04, BLOCK_TYPE},      // block, loop, if
    {0x05, 0x05, NONE},            // else
    {0x0b, 0x0b, NONE},            // end
    {0x0c, 0x0d, INDEX},           // br, br_if
    {0x0e, 0x0e, BRANCH_TABLE},    // br_table
    {0x0f, 0x0f, NONE},            // return
    {0x10, 0x10, INDEX},           // call
    {0x11, 0x11, TWO_INDICES},     // call_indirect
    {0x12, 0x12, INDEX},           // return_call
    {0x13, 0x13, TWO_INDICES},     // return_call_indirect
    {0x1a, 0x1b, NONE},            // drop, select
    {0x1c, 0x1c, VALUE_TYPES},     // select with types
    {0x20, 0x24, INDEX},           // local.get … global.set
    {0x25, 0x25, INDEX},           // table.get
    {0x26, 0x26, LASTING},         // table.set
    {0x28, 0x3e, MEMORY_ARGUMENT}, // loads and stores
    {0x3f, 0x40, ZERO_BYTE},       // memory.size, memory.grow
    {0x41, 0x41, INDEX},           // i32.const
    {0x42, 0x42, LONG_INTEGER},    // i64.const
    {0x43, 0x43, FOUR_BYTES},      // f32.const
    {0x44, 0x44, EIGHT_BYTES},     // f64.const
    {0x45, 0xc4, NONE},            // comparisons, arithmetic, conversions
    {0xd0, 0xd0, REFERENCE_TYPE},  // ref.null
    {0xd1, 0xd1, NONE},            // ref.is_null
    {0xd2, 0xd2, INDEX},           // ref.func
    {0xfc, 0xfc, PREFIX_MISCELLANEOUS},
    {0xfd, 0xfd, PREFIX_VECTOR},
};

void wasm_decoder_init(struct wasm_decoder *d) {
    *d = (struct wasm_decoder){{UNKNOWN}};
    for (size_t i = 0; i < COUNT_OF(opcodes); i++)
        for (unsigned opcode = opcodes[i].first; opcode <= opcodes[i].last; opcode++)
            d->immediates[opcode] = opcodes[i].immediate;
}

// ---- immediates: each leaves the cursor after itself, or `lost` set

struct cursor {
    const uint8_t *at, *end;
    bool lost; // the end came too early, or something unknown did
};

static uint8_t byte(struct cursor *c) {
    if (c->at < c->end)
        return *c->at++;
    c->lost = true;
    return 0;
}

static void skip(struct cursor *c, size_t n) {
    if (n > (size_t)(c->end - c->at))
        c->lost = true;
    else
        c->at += n;
}

static uint32_t u32(struct cursor *c) {
    uint32_t value = 0;
    for (unsigned shift = 0; shift < 35; shift += 7) {
        uint8_t next = byte(c);
        value |= (uint32_t)(next & 0x7f) << shift;
        if (!(next & 0x80))
            return value;
    }
    c->lost = true;
    return 0;
}

static void integer(struct cursor *c, unsigned bytes_max) {
    for (unsigned i = 0; i < bytes_max; i++)
        if (!(byte(c) & 0x80))
            return;
    c->lost = true;
}

static void known_type(struct cursor *c, bool references_only) {
    uint8_t type = byte(c);
    bool is_reference = type == 0x70 || type == 0x6f, is_number = type >= 0x7b && type <= 0x7f;
    c->lost |= !is_reference && (references_only || !is_number);
}

// 0x40, a value type, or a type's index: a positive integer of 33 bits.
static void block_type(struct cursor *c) {
    uint8_t first = c->at < c->end ? *c->at : 0;
    if (first == 0x40)
        c->at++;
    else if ((first & 0xc0) == 0x40)
        known_type(c, false);
    else
        integer(c, 5);
}

static void branch_table(struct cursor *c) {
    uint32_t count = u32(c);
    c->lost |= count > (size_t)(c->end - c->at);
    for (uint32_t i = 0; i <= count && !c->lost; i++)
        u32(c);
}

static void value_types(struct cursor *c) {
    uint32_t count = u32(c);
    for (uint32_t i = 0; i < count && !c->lost; i++)
        known_type(c, false);
}

// From 64 on, the alignment would say that a memory's index follows.
static void memory_argument(struct cursor *c) {
    c->lost |= u32(c) >= 64;
    u32(c);
}

static void zero_byte(struct cursor *c) {
    c->lost |= byte(c) != 0;
}

// False when the instruction changes what a reset cannot reach. memory.init reads a segment and writes memory, so it is harmless where no segment is ever dropped.
static bool miscellaneous(struct cursor *c) {
    uint32_t opcode = u32(c);
    if (opcode <= 7) // saturating conversions
        return true;
    if (opcode == 8) { // memory.init
        u32(c);
        zero_byte(c);
    } else if (opcode == 10) { // memory.copy
        zero_byte(c);
        zero_byte(c);
    } else if (opcode == 11) { // memory.fill
        zero_byte(c);
    } else if (opcode == 16) { // table.size
        u32(c);
    } else {
        return false; // data.drop, table.init, elem.drop, table.copy, table.grow, table.fill
    }
    return true;
}

static void vector(struct cursor *c) {
    uint32_t opcode = u32(c);
    if (opcode <= 11 || opcode == 92 || opcode == 93) { // loads, stores
        memory_argument(c);
    } else if (opcode <= 13) { // v128.const, i8x16.shuffle
        skip(c, 16);
    } else if (opcode >= 21 && opcode <= 34) { // lanes in and out
        skip(c, 1);
    } else if (opcode >= 84 && opcode <= 91) { // lanes from and to memory
        memory_argument(c);
        skip(c, 1);
    } else {
        c->lost |= opcode > 255; // relaxed
    }
}

// ---- instructions

static void plain(struct cursor *c, enum immediate immediate) {
    static const uint8_t bytes[] = {[FOUR_BYTES] = 4, [EIGHT_BYTES] = 8};
    if (immediate == INDEX) {
        integer(c, 5);
    } else if (immediate == TWO_INDICES) {
        u32(c);
        u32(c);
    } else if (immediate == LONG_INTEGER) {
        integer(c, 10);
    } else if (immediate == ZERO_BYTE) {
        zero_byte(c);
    } else {
        skip(c, bytes[immediate]);
    }
}

// One instruction; false when it is none that can be undone.
static bool instruction(const struct wasm_decoder *d, struct cursor *c, uint8_t *ret_opcode) {
    *ret_opcode = byte(c);
    enum immediate immediate = d->immediates[*ret_opcode];
    if (immediate == NONE)
        return !c->lost;
    if (immediate == UNKNOWN || immediate == LASTING)
        return false;
    if (immediate == MEMORY_ARGUMENT)
        memory_argument(c);
    else if (immediate == BLOCK_TYPE)
        block_type(c);
    else if (immediate == BRANCH_TABLE)
        branch_table(c);
    else if (immediate == VALUE_TYPES)
        value_types(c);
    else if (immediate == REFERENCE_TYPE)
        known_type(c, true);
    else if (immediate == PREFIX_VECTOR)
        vector(c);
    else if (immediate == PREFIX_MISCELLANEOUS)
        return miscellaneous(c) && !c->lost;
    else
        plain(c, immediate);
    return !c->lost;
}

static struct cursor cursor_of(struct span bytes) {
    const uint8_t *p = (const uint8_t *)bytes.p;
    return (struct cursor){p, p + bytes.n, false};
}

bool wasm_code_is_undoable(const struct wasm_decoder *d, struct span code) {
    struct cursor c = cursor_of(code);
    uint8_t opcode;
    while (c.at < c.end)
        if (!instruction(d, &c, &opcode))
            return false;
    return true;
}

size_t wasm_constant_bytes(const struct wasm_decoder *d, struct span bytes) {
    struct cursor c = cursor_of(bytes);
    for (uint8_t opcode = 0; opcode != 0x0b;)
        if (!instruction(d, &c, &opcode) || (opcode >= 0x02 && opcode <= 0x05))
            return 0;
    return (size_t)(c.at - (const uint8_t *)bytes.p);
}
