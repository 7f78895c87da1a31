// Time: wall clock for records, monotonic clock for durations and deadlines.
#ifndef SPEAR_BASE_CLOCK_H
#define SPEAR_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

int64_t clock_unix_s(void);
int64_t clock_unix_ms(void);
int64_t clock_unix_us(void);
uint64_t clock_monotonic_us(void);

enum { RFC3339_TEXT = 32, HTTP_DATE_TEXT = 32 };
// "2026-11-23T01:02:03.004Z" (RFC 3339)
void clock_rfc3339(int64_t unix_ms, char ret_text[RFC3339_TEXT]);
// "Mon, 23 Nov 2026 01:02:03 GMT" (RFC 9110 §5.6.7)
void clock_http_date(int64_t unix_s, char ret_text[HTTP_DATE_TEXT]);

#endif
