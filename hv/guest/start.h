/* The processor as boot protocols want it at a kernel's entry. */
#ifndef ENGRAM_GUEST_START_H
#define ENGRAM_GUEST_START_H

#include "vcpu.h"

/* 32-bit protected mode: flat segments, paging and interrupts off, all general registers 0. */
void start_protected(struct vcpu *v, uint16_t code, uint16_t data, gpa_t entry);

/* 64-bit mode with the page tables at `cr3`; else the same. */
void start_long(struct vcpu *v, uint16_t code, uint16_t data, gpa_t entry, gpa_t cr3);

#endif
