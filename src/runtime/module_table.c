// A hash table of modules with a list of the unused ones, oldest first. Nothing here locks or does I/O but closing descriptors.
#include "runtime/module_table.h"

#include "base/mem.h"

#include <unistd.h>

// Each unused module holds a descriptor, so their number has a ceiling beside their bytes.
enum { BUCKETS = 1024, LOCATIONS = 4096, UNUSED_MAX = 512 };

struct location {
    char *text;
    unsigned char sha256[SHA256_BYTES];
};

struct module_table {
    struct module *buckets[BUCKETS];
    struct module *unused_oldest, *unused_newest;
    uint64_t unused_bytes, unused_max_bytes;
    size_t unused_count;
    struct location locations[LOCATIONS]; // direct-mapped: a collision pushes out
};

static struct module **bucket_of(struct module_table *t, const unsigned char sha256[SHA256_BYTES]) {
    return &t->buckets[(sha256[0] | (unsigned)sha256[1] << 8) % BUCKETS]; // a digest is spread evenly
}

static size_t location_slot(const char *text) {
    uint32_t hash = 2166136261u; // FNV-1a
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * 16777619u;
    return hash % LOCATIONS;
}

struct module_table *module_table_new(uint64_t unused_max_bytes) {
    struct module_table *t = NEW(struct module_table);
    t->unused_max_bytes = unused_max_bytes;
    return t;
}

struct module *module_table_find(struct module_table *t, const unsigned char sha256[SHA256_BYTES],
                                 uint64_t memory_bytes) {
    for (struct module *m = *bucket_of(t, sha256); m; m = m->next)
        if (m->memory_bytes == memory_bytes && memcmp(m->sha256, sha256, SHA256_BYTES) == 0)
            return m;
    return NULL;
}

static void unused_append(struct module_table *t, struct module *m) {
    m->unused_older = t->unused_newest;
    m->unused_newer = NULL;
    if (t->unused_newest)
        t->unused_newest->unused_newer = m;
    else
        t->unused_oldest = m;
    t->unused_newest = m;
    t->unused_bytes += m->size_bytes;
    t->unused_count++;
}

static void unused_remove(struct module_table *t, struct module *m) {
    if (m->unused_older)
        m->unused_older->unused_newer = m->unused_newer;
    else
        t->unused_oldest = m->unused_newer;
    if (m->unused_newer)
        m->unused_newer->unused_older = m->unused_older;
    else
        t->unused_newest = m->unused_older;
    t->unused_bytes -= m->size_bytes;
    t->unused_count--;
}

static void remove_oldest(struct module_table *t) {
    struct module *m = t->unused_oldest;
    unused_remove(t, m);
    struct module **link = bucket_of(t, m->sha256);
    while (*link != m)
        link = &(*link)->next;
    *link = m->next;
    close(m->fd);
    free(m);
}

struct module *module_table_add(struct module_table *t, const unsigned char sha256[SHA256_BYTES], uint64_t memory_bytes,
                                int fd, uint64_t size_bytes) {
    struct module *m = NEW(struct module);
    memcpy(m->sha256, sha256, SHA256_BYTES);
    sha256_to_hex(sha256, m->digest);
    m->memory_bytes = memory_bytes;
    m->fd = fd;
    m->size_bytes = size_bytes;
    struct module **bucket = bucket_of(t, sha256);
    m->next = *bucket;
    *bucket = m;
    unused_append(t, m);
    return m;
}

void module_table_take(struct module_table *t, struct module *m) {
    if (m->references++ == 0)
        unused_remove(t, m);
}

void module_table_give_back(struct module_table *t, struct module *m) {
    ASSERT(m->references > 0);
    if (--m->references > 0)
        return;
    unused_append(t, m);
    while (t->unused_bytes > t->unused_max_bytes || t->unused_count > UNUSED_MAX)
        remove_oldest(t);
}

void module_table_remember(struct module_table *t, const char *text, const unsigned char sha256[SHA256_BYTES]) {
    struct location *l = &t->locations[location_slot(text)];
    free(l->text);
    l->text = mem_strdup(text);
    memcpy(l->sha256, sha256, SHA256_BYTES);
}

bool module_table_recall(const struct module_table *t, const char *text, unsigned char ret_sha256[SHA256_BYTES]) {
    const struct location *l = &t->locations[location_slot(text)];
    if (!l->text || strcmp(l->text, text) != 0)
        return false;
    memcpy(ret_sha256, l->sha256, SHA256_BYTES);
    return true;
}

void module_table_free(struct module_table *t) {
    while (t->unused_oldest)
        remove_oldest(t);
    for (size_t i = 0; i < BUCKETS; i++)
        ASSERT(!t->buckets[i]);
    for (size_t i = 0; i < LOCATIONS; i++)
        free(t->locations[i].text);
    free(t);
}
