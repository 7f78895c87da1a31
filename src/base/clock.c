// Reading the two clocks, and writing a moment as text without the locale's help.
#include "base/clock.h"

#include "base/mem.h"

#include <stdio.h>
#include <time.h>

static struct timespec now(clockid_t clock) {
    struct timespec t;
    ASSERT(clock_gettime(clock, &t) == 0);
    return t;
}

int64_t clock_unix_s(void) {
    return now(CLOCK_REALTIME).tv_sec;
}

int64_t clock_unix_ms(void) {
    struct timespec t = now(CLOCK_REALTIME);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t clock_unix_us(void) {
    struct timespec t = now(CLOCK_REALTIME);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

uint64_t clock_monotonic_us(void) {
    struct timespec t = now(CLOCK_MONOTONIC);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

// A moment outside the years 0 to 9999 has no four-digit year; it becomes the nearest one that has.
static struct tm calendar(int64_t unix_s) {
    enum { YEAR_0_DAYS = -719528, YEAR_10000_DAYS = 2932897 };
    const int64_t first = (int64_t)YEAR_0_DAYS * 86400, last = (int64_t)YEAR_10000_DAYS * 86400 - 1;
    time_t t = (time_t)(unix_s < first ? first : unix_s > last ? last : unix_s);
    struct tm parts;
    ASSERT(gmtime_r(&t, &parts));
    return parts;
}

// For printf: the ranges are known to us, the modulo tells the compiler.
static unsigned digits(int value, unsigned modulo) {
    return (unsigned)value % modulo;
}

void clock_rfc3339(int64_t unix_ms, char ret_text[RFC3339_TEXT]) {
    int64_t seconds = unix_ms / 1000, ms = unix_ms % 1000;
    if (ms < 0) {
        ms += 1000;
        seconds--;
    }
    struct tm t = calendar(seconds);
    snprintf(ret_text, RFC3339_TEXT, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ", digits(t.tm_year + 1900, 10000),
             digits(t.tm_mon + 1, 100), digits(t.tm_mday, 100), digits(t.tm_hour, 100), digits(t.tm_min, 100),
             digits(t.tm_sec, 100), digits((int)ms, 1000));
}

void clock_http_date(int64_t unix_s, char ret_text[HTTP_DATE_TEXT]) {
    static const char days[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    struct tm t = calendar(unix_s);
    snprintf(ret_text, HTTP_DATE_TEXT, "%s, %02u %s %04u %02u:%02u:%02u GMT", days[t.tm_wday], digits(t.tm_mday, 100),
             months[t.tm_mon], digits(t.tm_year + 1900, 10000), digits(t.tm_hour, 100), digits(t.tm_min, 100),
             digits(t.tm_sec, 100));
}
