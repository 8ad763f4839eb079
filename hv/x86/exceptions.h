/* Exception vectors and their classes (SDM Vol. 3A, 6.3 and tables 6-4, 6-5). */
#ifndef ENGRAM_X86_EXCEPTIONS_H
#define ENGRAM_X86_EXCEPTIONS_H

#include <stdbool.h>
#include <stdint.h>

enum exception {
    VECTOR_DE = 0,
    VECTOR_DB = 1,
    VECTOR_NMI = 2,
    VECTOR_BP = 3,
    VECTOR_OF = 4,
    VECTOR_BR = 5,
    VECTOR_UD = 6,
    VECTOR_NM = 7,
    VECTOR_DF = 8,
    VECTOR_TS = 10,
    VECTOR_NP = 11,
    VECTOR_SS = 12,
    VECTOR_GP = 13,
    VECTOR_PF = 14,
    VECTOR_MF = 16,
    VECTOR_AC = 17,
    VECTOR_MC = 18,
    VECTOR_XM = 19,
};

/* Contributory exceptions (SDM Vol. 3A, table 6-4). */
static inline bool is_contributory(uint8_t vector)
{
    return vector == VECTOR_DE || (vector >= VECTOR_TS && vector <= VECTOR_GP);
}

/* Traps and aborts leave RFLAGS.RF alone in the frame; faults set it (SDM Vol. 3B, 17.3.1.1). #DB is either.
 */
static inline bool is_plain_fault(uint8_t vector)
{
    return vector != VECTOR_DB && vector != VECTOR_NMI && vector != VECTOR_BP && vector != VECTOR_OF &&
           vector != VECTOR_DF && vector != VECTOR_MC;
}

#endif
