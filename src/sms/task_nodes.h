// What the nodes know of a task: GET /api/v1/tasks/{task}?nodes=true.
#ifndef SPEAR_SMS_TASK_NODES_H
#define SPEAR_SMS_TASK_NODES_H

#include "sms/sms.h"

// Answers the exchange with the task (its JSON text, copied) and `nodes`, what each online node says of it: its code and how many requests wait there. One that
// does not answer in time is named with the reason. On the exchange's loop.
void task_nodes_answer(struct sms *s, struct http_exchange *x, struct span task_json);

#endif
