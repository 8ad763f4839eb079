/* When and how the receiver asks for what is missing. */
#ifndef ENGRAM_RECEIVER_ASK_H
#define ENGRAM_RECEIVER_ASK_H

#include "recv/receiver.h"

void receiver_ask_at_end(struct receiver *r, bool first);
void receiver_ask_at_data(struct receiver *r, const struct frame *f);
void receiver_ask_at_silence(struct receiver *r);

#endif
