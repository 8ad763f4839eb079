/*
 * Long work of the core where CPL 0 is emulated, an instruction at a time, and
 * CPL 3 is not (pace.h): it is done at CPL 3, in the core's own address space.
 */
#ifndef ENGRAM_NATIVELY_H
#define ENGRAM_NATIVELY_H

/* Calls work(context), which may touch memory and ports and leaves all else alone that needs CPL 0 (control
 * registers, MSRs, HLT). May be nested. */
void natively(void (*work)(void *context), void *context);

/* How that is done from now on; at first it is a call. */
void natively_by(void (*run)(void (*work)(void *context), void *context));

#endif
