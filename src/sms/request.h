// A handler's visit to the store: embedded in the handler's own heap object, it runs on a lane, answers on the exchange's
// loop, and frees the object. Failure and a full queue are answered here.
#ifndef SPEAR_SMS_REQUEST_H
#define SPEAR_SMS_REQUEST_H

#include "sms/answer.h"
#include "sms/audit.h"
#include "sms/sms.h"

struct request {
    struct sms *sms;
    struct http_exchange *x;
    int (*run)(struct db *db, struct request *r, struct err *e);       // on the lane; -1 undoes and answers e
    void (*settled)(struct db *db, struct request *r, bool committed); // writes only, may be NULL; see store.h
    void (*answer)(struct request *r); // on the loop, after success: answers the exchange
    void (*done)(struct request *r);   // frees what the object holds; NULL: nothing
    struct audit_actor actor;          // of a write: who asks
    struct store_job job;
};

// Both take the object: `r` is its first member, made with NEW.
void request_read(struct request *r);
void request_write(struct request *r);
// Of a write, in `run`: a row in the audit log, in the same transaction.
int request_audit(struct db *db, const struct request *r, const char *action, struct span object_id,
                  struct span object_name, const char *detail, struct err *e);

#endif
