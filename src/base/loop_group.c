// One event loop a core. Loop 0 is the caller's; each other one has a thread that does nothing but run it.
//
// Stopping is a post to loop 0, so everything posted to it before still runs. Whoever made handles on a loop closes
// them (by posts) before he stops the group: loop_done asserts it.
#include "base/loop_group.h"

#include "base/mem.h"

enum { LOOPS_MAX = 64 };

struct loop_group {
    size_t count;
    size_t threads; // started and not yet joined; thread i runs loop i + 1
    uv_thread_t thread[LOOPS_MAX];
    struct loop loops[];
};

static size_t online_cores(void) {
    unsigned cores = uv_available_parallelism();
    return cores < 1 ? 1 : cores;
}

static void run_loop(void *arg) {
    loop_run(arg);
}

static void stop_loop(void *arg) {
    loop_stop(arg);
}

static void join_threads(struct loop_group *g) {
    for (size_t i = 0; i < g->threads; i++)
        loop_post(&g->loops[i + 1], stop_loop, &g->loops[i + 1]);
    for (size_t i = 0; i < g->threads; i++)
        ASSERT(uv_thread_join(&g->thread[i]) == 0);
    g->threads = 0;
}

static int start(struct loop_group *g, size_t count, struct err *e) {
    for (; g->count < count; g->count++) {
        struct loop *l = &g->loops[g->count];
        if (loop_init(l, e) < 0)
            return -1;
        uv_ref((uv_handle_t *)&l->wake); // a loop of a group waits for work instead of ending
    }
    for (; g->threads + 1 < count; g->threads++) {
        int status = uv_thread_create(&g->thread[g->threads], run_loop, &g->loops[g->threads + 1]);
        if (status < 0)
            return err_set_sys(e, ERR_IO, -status, "thread %zu of %zu could not be started", g->threads + 1, count - 1);
    }
    return 0;
}

int loop_group_new(size_t count, struct loop_group **ret, struct err *e) {
    if (count == 0)
        count = online_cores();
    if (count > LOOPS_MAX)
        count = LOOPS_MAX;
    struct loop_group *g = mem_calloc(1, sizeof *g + count * sizeof g->loops[0]);
    if (start(g, count, e) < 0) {
        loop_group_free(g);
        return -1;
    }
    *ret = g;
    return 0;
}

size_t loop_group_count(const struct loop_group *g) {
    return g->count;
}

struct loop *loop_group_at(const struct loop_group *g, size_t index) {
    ASSERT(index < g->count);
    return (struct loop *)&g->loops[index];
}

size_t loop_group_index(const struct loop_group *g, const struct loop *l) {
    ASSERT(l >= g->loops && l < g->loops + g->count);
    return (size_t)(l - g->loops);
}

void loop_group_run(struct loop_group *g) {
    loop_run(&g->loops[0]);
    join_threads(g);
}

void loop_group_stop(struct loop_group *g) {
    loop_post(&g->loops[0], stop_loop, &g->loops[0]);
}

void loop_group_free(struct loop_group *g) {
    if (!g)
        return;
    join_threads(g);
    for (size_t i = 0; i < g->count; i++)
        loop_done(&g->loops[i]);
    free(g);
}
