#include "pace.h"

#include "x86/cpu.h"

#define TURNS 100u /* of two instructions */
#define TRIES                                                                                                \
    4u /* the least counts: a translator translates, caches fill, an interrupt of the host comes             \
        */
#define EMULATED_TICKS 50u

static uint64_t loop_ticks(void)
{
    uint64_t begin = rdtsc();
    uint32_t turns = TURNS;
    __asm__ volatile("1:\tdec %0\n\tjnz 1b" : "+r"(turns) : : "cc");
    return rdtsc() - begin;
}

static uint64_t measure(void)
{
    uint64_t least = loop_ticks();
    for (unsigned i = 1; i < TRIES; i++) {
        uint64_t ticks = loop_ticks();
        least = ticks < least ? ticks : least;
    }
    return least / (2 * TURNS);
}

uint64_t pace_ticks(void)
{
    static uint64_t ticks;
    static bool measured;
    if (!measured)
        ticks = measure();
    measured = true;
    return ticks;
}

bool pace_is_emulated(void)
{
    return pace_ticks() >= EMULATED_TICKS;
}
