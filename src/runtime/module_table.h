// The finished modules, by digest and memory limit, and which digest a location had. Internal to module_store.c, whose lock guards it all.
#ifndef SPEAR_RUNTIME_MODULE_TABLE_H
#define SPEAR_RUNTIME_MODULE_TABLE_H

#include "runtime/module_store.h"

struct module_table;

struct module_table *module_table_new(uint64_t unused_max_bytes);
void module_table_free(struct module_table *t); // every module must be unused
struct module *module_table_find(struct module_table *t, const unsigned char sha256[SHA256_BYTES],
                                 uint64_t memory_bytes);
// Takes fd. The new module has no reference; take one.
struct module *module_table_add(struct module_table *t, const unsigned char sha256[SHA256_BYTES], uint64_t memory_bytes,
                                int fd, uint64_t size_bytes);
void module_table_take(struct module_table *t, struct module *m);
// Without references it stays until the ceiling of unused bytes is passed.
void module_table_give_back(struct module_table *t, struct module *m);
// A bounded memory of what locations gave; newer ones may push out older ones.
void module_table_remember(struct module_table *t, const char *location, const unsigned char sha256[SHA256_BYTES]);
bool module_table_recall(const struct module_table *t, const char *location, unsigned char ret_sha256[SHA256_BYTES]);

#endif
