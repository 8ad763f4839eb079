/* Hypercalls: what the guest asks of Engram by VMCALL (docs/hypercalls.md). */
#ifndef ENGRAM_HYPERCALL_H
#define ENGRAM_HYPERCALL_H

#include "engine.h"
#include "options.h"

void hypercall_init(const struct options *o);

/* Carries out the one that the registers name; `v` is whole. False: it is none, or not for this code: #UD. */
bool hypercall_execute(const struct engine *engine, struct vcpu *v);

#endif
