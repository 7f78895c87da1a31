// Which pages of a private anonymous mapping may hold something: the kernel knows what was never touched.
//
// Three ways, the first that works: the PAGEMAP_SCAN request on /proc/self/pagemap (Linux 6.7), reading that file (one word a page), or none. The
// descriptor speaks of the process that opened it, so each process opens its own, before its sandbox closes /proc; in a process that was forked off later the scan is not possible until it has.
#ifndef SPEAR_WORKER_PAGE_SCAN_H
#define SPEAR_WORKER_PAGE_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PAGE_SCAN_PAGE_BYTES = 4096 };

// Opens what the scan needs and tries it out on pages of its own. Where that fails, page_scan answers false from then on.
void page_scan_open(void);
bool page_scan_is_possible(void);
// The number of the ioctl that a scan makes; besides it reads its descriptor with pread.
unsigned page_scan_request(void);
// Calls f, in ascending order, for runs of whole pages of [start, start + bytes) that hold every byte there that is not zero, and maybe zero ones. False when that
// cannot be told; f may have been called then.
typedef void page_scan_run(void *ctx, uint8_t *start, size_t bytes);
bool page_scan(uint8_t *start, size_t bytes, page_scan_run *f, void *ctx);

#endif
