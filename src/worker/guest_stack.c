// A mapping for the stack above an inaccessible one, and the switch to it (makecontext, POSIX.1-2001) and back.
#include "worker/guest_stack.h"

#ifdef __SANITIZE_ADDRESS__

// AddressSanitizer knows one stack, and what it finds there is worth more in its builds than the guard.
int guest_stack_reserve(struct err *e) {
    (void)e;
    return 0;
}

int guest_stack_run(int (*f)(void *ctx), void *ctx) {
    return f(ctx);
}

#else

#include "base/mem.h"

#include <errno.h>
#include <sys/mman.h>
#include <ucontext.h>

static char *stack; // its lowest byte; the guard is below

static struct {
    ucontext_t outside, inside;
    int (*f)(void *ctx);
    void *ctx;
    int result;
} run;

int guest_stack_reserve(struct err *e) {
    size_t bytes = (size_t)GUEST_STACK_GUARD_BYTES + GUEST_STACK_BYTES;
    char *base = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (base == MAP_FAILED)
        return err_set_sys(e, ERR_RESOURCE_EXHAUSTED, errno, "no address space for a stack of %zu bytes", bytes);
    if (mprotect(base + GUEST_STACK_GUARD_BYTES, GUEST_STACK_BYTES, PROT_READ | PROT_WRITE))
        return err_set_sys(e, ERR_RESOURCE_EXHAUSTED, errno, "no memory for a stack of %d bytes", GUEST_STACK_BYTES);
    stack = base + GUEST_STACK_GUARD_BYTES;
    return 0;
}

static void inside(void) {
    run.result = run.f(run.ctx);
}

int guest_stack_run(int (*f)(void *ctx), void *ctx) {
    ASSERT(stack && getcontext(&run.inside) == 0);
    run.inside.uc_stack = (stack_t){.ss_sp = stack, .ss_size = GUEST_STACK_BYTES};
    run.inside.uc_link = &run.outside;
    run.f = f;
    run.ctx = ctx;
    makecontext(&run.inside, inside, 0);
    ASSERT(swapcontext(&run.outside, &run.inside) == 0);
    return run.result;
}

#endif
