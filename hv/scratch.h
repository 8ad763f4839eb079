/* Large buffers whose first content does not matter: they need not be cleared, nor moved with the image. */
#ifndef ENGRAM_SCRATCH_H
#define ENGRAM_SCRATCH_H

#define SCRATCH __attribute__((section(".bss.scratch")))

#endif
