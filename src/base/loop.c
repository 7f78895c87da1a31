// An event loop: libuv's, with posting from other threads, blocking work and one-shot timers on top.
//
// The list of posts is the only thing shared between threads; its lock is held for a few instructions and never
// around a callback. The group of loops is loop_group.c.
#include "base/loop.h"

#include "base/mem.h"

struct loop_post {
    struct loop_post *next;
    loop_fn *fn;
    void *arg;
};

struct loop_timer {
    uv_timer_t uv;
    struct loop *loop;
    struct loop_timer *previous, *next; // the list loop->timers
    loop_fn *fn;
    void *arg;
};

struct work {
    uv_work_t uv;
    loop_fn *work, *done;
    void *arg;
};

static struct loop_post *take_posts(struct loop *l) {
    uv_mutex_lock(&l->posted_lock);
    struct loop_post *first = l->posted_first;
    l->posted_first = l->posted_last = NULL;
    uv_mutex_unlock(&l->posted_lock);
    return first;
}

// Runs what was posted until now; what these posts post themselves is left for the next turn.
static void run_posts(struct loop *l) {
    struct loop_post *post = take_posts(l);
    while (post) {
        struct loop_post *next = post->next;
        post->fn(post->arg);
        free(post);
        post = next;
    }
}

static bool has_posts(struct loop *l) {
    uv_mutex_lock(&l->posted_lock);
    bool any = l->posted_first != NULL;
    uv_mutex_unlock(&l->posted_lock);
    return any;
}

static void on_wake(uv_async_t *wake) {
    run_posts(wake->data);
}

int loop_init(struct loop *l, struct err *e) {
    memset(l, 0, sizeof *l);
    int status = uv_loop_init(&l->uv);
    if (status < 0)
        return err_set_sys(e, ERR_IO, -status, "an event loop could not be made");
    status = uv_async_init(&l->uv, &l->wake, on_wake);
    if (status < 0) {
        uv_loop_close(&l->uv);
        return err_set_sys(e, ERR_IO, -status, "an event loop's wake-up could not be made");
    }
    l->wake.data = l;
    uv_unref((uv_handle_t *)&l->wake);
    ASSERT(uv_mutex_init(&l->posted_lock) == 0);
    return 0;
}

void loop_run(struct loop *l) {
    // uv_run does nothing but forget uv_stop when that came first, and returns at once when nothing is active.
    do {
        run_posts(l);
        uv_run(&l->uv, UV_RUN_DEFAULT);
    } while (!l->stopped && has_posts(l));
    l->stopped = false;
}

void loop_stop(struct loop *l) {
    l->stopped = true;
    uv_stop(&l->uv);
}

bool loop_post(struct loop *l, loop_fn *fn, void *arg) {
    struct loop_post *post = NEW(struct loop_post);
    post->fn = fn;
    post->arg = arg;
    uv_mutex_lock(&l->posted_lock);
    bool accepted = !l->closed;
    if (accepted) {
        if (l->posted_last)
            l->posted_last->next = post;
        else
            l->posted_first = post;
        l->posted_last = post;
        uv_async_send(&l->wake); // under the lock: loop_done closes the handle only after `closed` was set
    }
    uv_mutex_unlock(&l->posted_lock);
    if (!accepted)
        free(post);
    return accepted;
}

static void on_work(uv_work_t *request) {
    struct work *w = CONTAINER_OF(request, struct work, uv);
    w->work(w->arg);
}

static void on_work_done(uv_work_t *request, int status) {
    struct work *w = CONTAINER_OF(request, struct work, uv);
    ASSERT(status == 0); // nothing here cancels
    w->done(w->arg);
    free(w);
}

void loop_work(struct loop *l, loop_fn *work, loop_fn *done, void *arg) {
    struct work *w = NEW(struct work);
    w->work = work;
    w->done = done;
    w->arg = arg;
    ASSERT(uv_queue_work(&l->uv, &w->uv, on_work, on_work_done) == 0);
}

static void on_timer_closed(uv_handle_t *handle) {
    free(handle->data);
}

static void end_timer(struct loop_timer *t) {
    if (t->previous)
        t->previous->next = t->next;
    else
        t->loop->timers = t->next;
    if (t->next)
        t->next->previous = t->previous;
    uv_close((uv_handle_t *)&t->uv, on_timer_closed);
}

static void on_timer(uv_timer_t *handle) {
    struct loop_timer *t = handle->data;
    end_timer(t); // before fn, which may call loop_timer_cancel: that finds it closing
    t->fn(t->arg);
}

struct loop_timer *loop_timer_start(struct loop *l, uint64_t after_ms, loop_fn *fn, void *arg) {
    struct loop_timer *t = NEW(struct loop_timer);
    t->loop = l;
    t->fn = fn;
    t->arg = arg;
    t->next = l->timers;
    if (t->next)
        t->next->previous = t;
    l->timers = t;
    ASSERT(uv_timer_init(&l->uv, &t->uv) == 0);
    t->uv.data = t;
    uv_update_time(&l->uv); // libuv counts from the turn's beginning, which may be long ago
    ASSERT(uv_timer_start(&t->uv, on_timer, after_ms, 0) == 0);
    return t;
}

void loop_timer_cancel(struct loop_timer *t) {
    if (t && !uv_is_closing((uv_handle_t *)&t->uv))
        end_timer(t);
}

static void assert_ended(uv_handle_t *handle, void *arg) {
    struct loop *l = arg;
    ASSERT(handle == (uv_handle_t *)&l->wake || uv_is_closing(handle));
}

// Everything that is left ends here; callbacks may post again, so it is repeated until the list is empty.
static void run_out(struct loop *l) {
    run_posts(l);
    while (l->timers)
        end_timer(l->timers);
    uv_walk(&l->uv, assert_ended, l);
    uv_unref((uv_handle_t *)&l->wake);
    uv_run(&l->uv, UV_RUN_DEFAULT);
    l->stopped = false;
}

static bool refuse_posts(struct loop *l) {
    uv_mutex_lock(&l->posted_lock);
    l->closed = l->posted_first == NULL;
    bool closed = l->closed;
    uv_mutex_unlock(&l->posted_lock);
    return closed;
}

void loop_done(struct loop *l) {
    do
        run_out(l);
    while (uv_loop_alive(&l->uv) || l->timers || !refuse_posts(l));
    uv_close((uv_handle_t *)&l->wake, NULL);
    uv_run(&l->uv, UV_RUN_DEFAULT);
    ASSERT(uv_loop_close(&l->uv) == 0);
    // posted_lock stays as it is: a late loop_post still asks it, and on Linux it holds nothing to give back.
}
