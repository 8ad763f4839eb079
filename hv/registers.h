/* The guest's registers as text, for the end of a run. */
#ifndef ENGRAM_REGISTERS_H
#define ENGRAM_REGISTERS_H

#include "vcpu.h"

void print_registers(const struct vcpu *v);

#endif
