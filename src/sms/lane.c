// A thread with a bounded queue of jobs; see lane.h. Next step: store.c, whose two lanes read and write the database.
#include "sms/lane.h"

#include "base/mem.h"

#include <pthread.h>

struct lane {
    pthread_t thread;
    pthread_mutex_t lock; // guards what follows; never held while jobs run
    pthread_cond_t arrived;
    struct lane_job *first, *last;
    size_t count, jobs_max;
    bool closing;
    bool stopped; // the thread was joined; only its owner looks
    void (*run)(void *ctx, struct lane_job *first);
    void *ctx;
};

// All that waits; NULL when the lane is to end.
static struct lane_job *lane_take(struct lane *l) {
    pthread_mutex_lock(&l->lock);
    while (l->first == NULL && !l->closing) {
        pthread_cond_wait(&l->arrived, &l->lock);
    }
    struct lane_job *first = l->first;
    l->first = l->last = NULL;
    l->count = 0;
    pthread_mutex_unlock(&l->lock);
    return first;
}

static void *lane_main(void *arg) {
    struct lane *l = arg;
    for (struct lane_job *first = lane_take(l); first != NULL; first = lane_take(l)) {
        l->run(l->ctx, first);
    }
    return NULL;
}

int lane_new(const char *name, size_t jobs_max, void (*run)(void *ctx, struct lane_job *first), void *ctx,
             struct lane **ret, struct err *e) {
    struct lane *l = NEW(struct lane);
    l->jobs_max = jobs_max;
    l->run = run;
    l->ctx = ctx;
    pthread_mutex_init(&l->lock, NULL);
    pthread_cond_init(&l->arrived, NULL);
    int result = pthread_create(&l->thread, NULL, lane_main, l);
    if (result != 0) {
        pthread_cond_destroy(&l->arrived);
        pthread_mutex_destroy(&l->lock);
        free(l);
        return err_set_sys(e, ERR_RESOURCE_EXHAUSTED, result, "start the thread \"%s\"", name);
    }
    pthread_setname_np(l->thread, name);
    *ret = l;
    return 0;
}

void lane_stop(struct lane *l) {
    if (l == NULL || l->stopped) {
        return;
    }
    pthread_mutex_lock(&l->lock);
    l->closing = true;
    pthread_cond_signal(&l->arrived);
    pthread_mutex_unlock(&l->lock);
    pthread_join(l->thread, NULL);
    l->stopped = true;
}

void lane_free(struct lane *l) {
    if (l == NULL) {
        return;
    }
    lane_stop(l);
    pthread_cond_destroy(&l->arrived);
    pthread_mutex_destroy(&l->lock);
    free(l);
}

bool lane_submit(struct lane *l, struct lane_job *job) {
    job->next = NULL;
    pthread_mutex_lock(&l->lock);
    bool taken = !l->closing && l->count < l->jobs_max;
    if (taken) {
        if (l->last != NULL) {
            l->last->next = job;
        } else {
            l->first = job;
        }
        l->last = job;
        l->count++;
        pthread_cond_signal(&l->arrived);
    }
    pthread_mutex_unlock(&l->lock);
    return taken;
}
