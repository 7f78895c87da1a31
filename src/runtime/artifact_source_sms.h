// The artifact source of a node: the sms file service, with the disk cache in front. Internal to the library.
//
// One a process, for every loop; nothing in it changes after it was made.
#ifndef SPEAR_RUNTIME_ARTIFACT_SOURCE_SMS_H
#define SPEAR_RUNTIME_ARTIFACT_SOURCE_SMS_H

#include "runtime/shared.h"

// `shared` must outlive it; its config and counters are used.
int artifact_source_sms_new(struct runtime_shared *shared, struct artifact_source **ret, struct err *e);

#endif
