// A reactor whose _initialize asks for something of an invocation's: its environment, and the log that it writes to.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static uint32_t number;

__attribute__((constructor)) static void begin(void) {
    const char *text = getenv("NUMBER");
    number = text ? (uint32_t)strtoul(text, NULL, 10) : 0;
    fprintf(stderr, "begun with %u\n", number);
}

__attribute__((export_name("next"))) uint32_t next(void) {
    return ++number;
}
