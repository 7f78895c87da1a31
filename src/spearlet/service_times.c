// Two periods are kept, so that the fastest is of the last ten to twenty seconds and forgets what is no longer true.
#include "spearlet/service_times.h"

#include <limits.h>

enum { PERIOD_US = 10 * 1000 * 1000, COUNT_MIN = 8, WEIGHT = 8, USUAL_MORE_US = 50 };

static void begin_period(struct service_times *t, uint64_t now_us) {
    bool is_next = now_us - t->began_us < 2ull * PERIOD_US;
    t->before = t->now;
    if (!is_next)
        t->before.count = 0;
    t->now.count = 0;
    t->began_us = now_us;
}

void service_times_note(struct service_times *t, uint64_t now_us, uint64_t took_us) {
    if (t->last_us == 0)
        t->mean_us = took_us;
    else
        t->mean_us += (took_us > t->mean_us ? took_us - t->mean_us : 0) / WEIGHT -
                      (took_us < t->mean_us ? t->mean_us - took_us : 0) / WEIGHT;
    if (now_us - t->began_us >= PERIOD_US)
        begin_period(t, now_us);
    if (t->now.count == 0 || took_us < t->now.fastest_us)
        t->now.fastest_us = took_us;
    t->now.count++;
    t->last_us = now_us;
}

void service_times_note_guest(struct service_times *t, uint64_t took_us) {
    uint64_t usual_us = t->guest_us16 / 16, most_us = 4 * usual_us + USUAL_MORE_US;
    if (t->guest_count > 0 && took_us > most_us)
        took_us = most_us;
    if (t->guest_count == 0)
        t->guest_us16 = took_us * 16;
    else
        t->guest_us16 = (t->guest_us16 * (WEIGHT - 1) + took_us * 16) / WEIGHT;
    t->guest_count += t->guest_count < UINT_MAX;
}

bool service_times_knows_guest(const struct service_times *t) {
    return t->guest_count >= COUNT_MIN;
}

uint64_t service_times_guest_us(const struct service_times *t, uint64_t requests) {
    return t->guest_us16 * requests / 16;
}

unsigned service_times_count(const struct service_times *t) {
    return t->now.count + t->before.count;
}

uint64_t service_times_fastest_us(const struct service_times *t, uint64_t now_us) {
    if (service_times_count(t) < COUNT_MIN || now_us - t->last_us >= PERIOD_US)
        return 0;
    if (t->before.count == 0)
        return t->now.fastest_us;
    if (t->now.count == 0 || t->before.fastest_us < t->now.fastest_us)
        return t->before.fastest_us;
    return t->now.fastest_us;
}

uint64_t service_times_mean_us(const struct service_times *t) {
    return t->mean_us;
}
