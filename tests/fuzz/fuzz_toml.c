// Fuzzes the configuration file's reader through a memory file.
#include "base/file.h"
#include "base/mem.h"
#include "base/toml.h"
#include "fuzz/fuzz.h"

#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    AUTO_CLOSE int fd = memfd_create("toml", MFD_CLOEXEC);
    ASSERT(fd >= 0 && file_write_all(fd, span_make(data, size), NULL) == 0);
    AUTO_FREE char *path = mem_printf("/proc/self/fd/%d", fd);
    struct toml_file file;
    struct err e;
    if (toml_read(path, &file, &e) == 0)
        toml_done(&file);
    else
        ASSERT(e.text[0]);
    return 0;
}
