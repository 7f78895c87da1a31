// One connection to a SQLite database; db.c is the only file that includes SQLite.
//
// A connection is used by one thread at a time. Statements are compiled once a connection and kept; `sql` must therefore
// be a string literal or live as long as the connection. Bound text is not copied: it must live until the statement has
// ended. One statement can be in use once at a time.
#ifndef SPEAR_SMS_DB_H
#define SPEAR_SMS_DB_H

#include "base/err.h"

struct db;
struct db_query; // a statement under way

enum db_mode {
    DB_WRITER, // makes the file; WAL, synchronous=FULL: a COMMIT that returned survives a power cut
    DB_READER
};
int db_open(const char *path, enum db_mode mode, struct db **ret, struct err *e);
void db_close(struct db *db); // NULL allowed

// Runs one or more statements without values.
int db_exec(struct db *db, const char *sql, struct err *e);
// False after SQLite has rolled a transaction back by itself (disk full, I/O error).
bool db_in_transaction(const struct db *db);
// Rows that the last INSERT, UPDATE or DELETE changed.
int64_t db_changes(const struct db *db);

enum db_type { DB_TYPE_TEXT, DB_TYPE_I64 };
struct db_value {
    enum db_type type;
    struct span text;
    int64_t i64;
};
#define DB_TEXT(value) ((struct db_value){.type = DB_TYPE_TEXT, .text = (value)})
#define DB_I64(value)  ((struct db_value){.type = DB_TYPE_I64, .i64 = (value)})
// The values of ?1, ?2, … in order, with their count.
#define DB_VALUES(...)                                                                                                 \
    (const struct db_value[]){__VA_ARGS__}, sizeof((const struct db_value[]){__VA_ARGS__}) / sizeof(struct db_value)

// Runs a statement that gives no rows. ERR_INSUFFICIENT_STORAGE when the disk is full, ERR_CONFLICT for a constraint, else ERR_IO.
int db_run(struct db *db, const char *sql, const struct db_value *values, size_t count, struct err *e);
// Starts a statement that gives rows: NULL on failure. Step until it is used up, or db_end.
struct db_query *db_start(struct db *db, const char *sql, const struct db_value *values, size_t count, struct err *e);
int db_step(struct db_query *q, struct err *e); // 1: a row; 0: no more, ended; -1: failed, ended
void db_end(struct db_query *q);
// Columns of the row, from 0; spans are valid until the next step.
struct span db_text(struct db_query *q, int column);
int64_t db_i64(struct db_query *q, int column);
// The first column of the only row into *ret.
int db_one_i64(struct db *db, const char *sql, const struct db_value *values, size_t count, int64_t *ret,
               struct err *e);

#endif
