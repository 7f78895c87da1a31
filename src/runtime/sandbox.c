// Names of the cage's parts and what each is good for. What they are made of is src/worker/cage.c.
#include "runtime/sandbox.h"

#include "base/buf.h"
#include "base/mem.h"

#include <string.h>

enum { MISSING_TEXT_MAX = 900 };

_Static_assert((int)RUNTIME_SANDBOX_PARTS == (int)IPC_CAGE_FEATURE_COUNT, "every feature has its part");
_Static_assert(sizeof(((struct runtime_sandbox_part *)0)->reason) == IPC_CAGE_REASON_BYTES, "a reason fits");

// In the order of enum ipc_cage_feature.
static const struct {
    const char *name, *without_it;
} parts[IPC_CAGE_FEATURE_COUNT] = {
    {"seccomp", "a guest that escapes the engine can make any system call"},
    {"landlock", "a guest that escapes the engine can open what lies above a directory that it was granted, and "
                 "whatever the other parts "
                 "leave in sight"},
    {"user-namespace", "a worker keeps the identity and the rights over other processes that spearlet has"},
    {"mount-namespace", "a worker sees the machine's file system"},
    {"network-namespace", "a worker sees the machine's network"},
    {"ipc-namespace", "a worker sees System V and POSIX message queues and shared memory of the machine"},
    {"pid-namespace", "a worker sees other processes"},
};

void sandbox_view(const struct ipc_cage *cage, struct runtime_sandbox *ret) {
    *ret = (struct runtime_sandbox){.has_wider_filter = cage->flags & IPC_CAGE_SANITIZER};
    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        struct runtime_sandbox_part *part = &ret->parts[i];
        part->name = parts[i].name;
        part->without_it = parts[i].without_it;
        part->present = cage->features & 1U << i;
        ret->present_count += part->present;
        memcpy(part->reason, cage->reasons[i], sizeof part->reason - 1);
    }
}

int sandbox_check(enum sandbox_requirement requirement, const struct ipc_cage *cage, struct err *e) {
    struct runtime_sandbox view;
    struct buf text;
    sandbox_view(cage, &view);
    if (requirement != SANDBOX_FULL || view.present_count == RUNTIME_SANDBOX_PARTS)
        return 0;
    buf_init(&text, MISSING_TEXT_MAX);
    for (size_t i = 0; i < RUNTIME_SANDBOX_PARTS; i++)
        if (!view.parts[i].present)
            (void)buf_printf(&text, "%s%s (%s)", text.n ? ", " : "", view.parts[i].name, view.parts[i].reason);
    err_set(e, ERR_INVALID_CONFIGURATION,
            "require-sandbox is full, but this machine lacks: %s; best-effort would run without", buf_text(&text));
    buf_done(&text);
    return -1;
}
