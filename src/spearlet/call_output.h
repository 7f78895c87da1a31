// A streamed output on its way between the loop that runs a call and the call's home loop; and back, how much was taken.
#ifndef SPEAR_SPEARLET_CALL_OUTPUT_H
#define SPEAR_SPEARLET_CALL_OUTPUT_H

#include "spearlet/function_call.h"

// On the loop that runs it: call->output gets the bytes, now or later, before call->done.
void call_output_give(struct function_call *call, struct span bytes, bool has_head);
// On the home loop, from inside of call->output or later, before call->done: so many bytes are dealt with, and the guest may
// write as many again.
void call_output_taken(struct function_call *call, uint64_t bytes);

#endif
