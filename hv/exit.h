/* Exits that both engines leave to the core. */
#ifndef ENGRAM_EXIT_H
#define ENGRAM_EXIT_H

#include "engine.h"

/* Carries out what the guest asked for; control_ended() tells whether it was the last thing. */
void handle_exit(const struct engine *engine, struct vcpu *v, const struct vm_exit *e);

#endif
