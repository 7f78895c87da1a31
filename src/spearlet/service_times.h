// How long a task's requests have taken of late: what the queue's estimates stand on. Pure arithmetic; times are the caller's clock.
#ifndef SPEAR_SPEARLET_SERVICE_TIMES_H
#define SPEAR_SPEARLET_SERVICE_TIMES_H

#include <stdbool.h>
#include <stdint.h>

// Begins as all zero bytes.
struct service_times {
    uint64_t guest_us16; // in sixteenths of a microsecond: what the guest alone took, weighted likewise
    unsigned guest_count;
    uint64_t mean_us; // weighted: the newest counts one eighth
    struct {
        uint64_t fastest_us;
        unsigned count;
    } now, before; // this period, and the one before it
    uint64_t began_us, last_us;
};

void service_times_note(struct service_times *t, uint64_t now_us, uint64_t took_us);
// What the guest alone took, without the way to it and back. One that took far longer than usual (or was kept from running) counts only some of it.
void service_times_note_guest(struct service_times *t, uint64_t took_us);
bool service_times_knows_guest(const struct service_times *t);
// So many requests take about this long in the guest.
uint64_t service_times_guest_us(const struct service_times *t, uint64_t requests);
// The fastest of the last ones; 0 when too few are known, or none of them is recent: then nothing should be concluded.
uint64_t service_times_fastest_us(const struct service_times *t, uint64_t now_us);
uint64_t service_times_mean_us(const struct service_times *t); // 0: none was ever noted
unsigned service_times_count(const struct service_times *t);   // that the fastest is taken from

#endif
