// Fuzzes a program's settings of every type: the input is a configuration file, then arguments, each ended by a NUL.
#include "base/file.h"
#include "base/mem.h"
#include "base/options.h"
#include "fuzz/fuzz.h"

#include <sys/mman.h>
#include <unistd.h>

enum { ARGUMENTS_MAX = 8, COUNT_MIN = 2, COUNT_MAX = 99 };

static const struct option_spec specs[] = {
    {.name = "text", .type = OPTION_TEXT, .argument = "TEXT", .help = "a text"},
    {.name = "choice", .type = OPTION_CHOICE, .default_value = "a", .choices = "a|bc|d", .help = "one of them"},
    {.name = "address", .type = OPTION_ADDRESS, .default_value = "127.0.0.1:1", .help = "an address"},
    {.name = "part.bytes", .type = OPTION_BYTES, .default_value = "1KiB", .max = 1 << 30, .help = "bytes"},
    {.name = "time", .type = OPTION_DURATION_MS, .default_value = "5s", .help = "a time"},
    {.name = "count",
     .type = OPTION_COUNT,
     .default_value = "3",
     .min = COUNT_MIN,
     .max = COUNT_MAX,
     .help = "a number"},
    {.name = "flag", .type = OPTION_FLAG, .default_value = "false", .help = "a flag"},
};
static const struct option_program program = {
    .name = "fuzz", .usage = "usage: fuzz", .summary = "settings", .specs = specs, .spec_count = COUNT_OF(specs)};

// Another file than the input's is not to be read.
static bool names_file(const char *argument) {
    return strstr(argument, "config") != NULL;
}

static void check(struct options *o) {
    uint64_t count = options_number(o, "count");
    ASSERT(count >= COUNT_MIN && count <= COUNT_MAX && options_number(o, "part.bytes") <= 1 << 30);
    ASSERT(strlen(options_text(o, "choice")) > 0 && strchr(options_text(o, "address"), ':'));
    (void)options_flag(o, "flag");
    options_free(o);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    AUTO_FREE char *text = mem_alloc(size + 1);
    memcpy(text, data, size);
    text[size] = '\0';
    AUTO_CLOSE int fd = memfd_create("options", MFD_CLOEXEC);
    ASSERT(fd >= 0 && file_write_all(fd, span_of(text), NULL) == 0);
    AUTO_FREE char *path = mem_printf("/proc/self/fd/%d", fd);
    char name[] = "fuzz", config[] = "--config", *argv[ARGUMENTS_MAX + 4] = {name, config, path};
    int argc = 3;
    for (char *p = text + strlen(text) + 1; p <= text + size && argc < ARGUMENTS_MAX + 3; p += strlen(p) + 1)
        if (!names_file(p))
            argv[argc++] = p;
    struct options *o;
    struct err e;
    if (options_parse(&program, argc, argv, &o, NULL, &e) == 0)
        check(o);
    else
        ASSERT(e.kind == ERR_INVALID_CONFIGURATION && e.text[0]);
    return 0;
}
