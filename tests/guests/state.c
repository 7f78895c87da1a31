// A reactor whose state every export changes: each tells what it found first, which must be the same whatever ran before.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint32_t table[4096] = {1, 2, 3}; // has content at first
static uint8_t empty[1 << 16];           // has none
static uint32_t calls;
static uint32_t (*function)(void);

static uint32_t seven(void) {
    return 7;
}

static uint32_t eight(void) {
    return 8;
}

__attribute__((constructor)) static void begin(void) {
    calls = 40;
    function = seven;
}

// What there is, in one number; then all of it is changed.
static uint32_t look_and_change(void) {
    uint32_t found = ++calls + function() + (uint32_t)__builtin_wasm_memory_size(0) * 1000;
    for (size_t i = 0; i < sizeof empty; i++)
        found += empty[i];
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        found += table[i];
    memset(empty, 1, sizeof empty);
    memset(table, 1, sizeof table);
    function = eight;
    char *more = malloc(1 << 18);
    if (more)
        memset(more, 1, 1 << 18);
    return found;
}

__attribute__((export_name("look"))) uint32_t look(void) {
    return look_and_change();
}

__attribute__((export_name("look_and_trap"))) void look_and_trap(void) {
    look_and_change();
    __builtin_trap();
}

static void deep(uint32_t n) {
    volatile char room[64] = {0};
    if (n == 0)
        exit(3);
    deep(n - 1);
    room[0] = room[1];
}

__attribute__((export_name("look_and_leave"))) void look_and_leave(uint32_t depth) {
    look_and_change();
    deep(depth);
}
