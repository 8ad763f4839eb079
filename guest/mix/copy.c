/* Copies, moves and fills of all sizes within one arena: by loops of words, and by REP MOVSB and STOSB. */
#include "mix.h"

#define ARENA_BYTES (256u << 10)
#define TURNS 1000u

static uint8_t arena[ARENA_BYTES];

static void rep_movsb(void *to, const void *from, size_t n)
{
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
}

static void rep_stosb(void *to, int value, size_t n)
{
    __asm__ volatile("rep stosb" : "+D"(to), "+c"(n) : "a"(value) : "memory");
}

/* Most are short, as in programs: below 16 bytes half of them, up to 1 KiB the rest. */
static uint32_t random_size(uint64_t *state)
{
    uint32_t limit = 16u << random_below(state, 7);
    return next_random(state) & 1 ? random_below(state, 16) : random_below(state, limit);
}

uint64_t mix_copy(uint64_t seed)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < TURNS; i++) {
        uint32_t n = random_size(&seed);
        uint32_t low = random_below(&seed, ARENA_BYTES / 2 - n);
        uint32_t high = ARENA_BYTES / 2 + random_below(&seed, ARENA_BYTES / 2 - n);
        uint32_t near = low + random_below(&seed, 64);
        memset(arena + low, (int)i, n);
        memcpy(arena + high, arena + low, n);
        memmove(arena + near, arena + low, n);
        arena[low + n / 2] ^= (uint8_t)seed;
        rep_movsb(arena + high, arena + low, n);
        rep_stosb(arena + near, (int)n, n / 2);
        sum = fold(sum, arena[high + n / 2]);
    }
    for (uint32_t i = 0; i < ARENA_BYTES; i += 1000)
        sum = fold(sum, arena[i]);
    return sum;
}
