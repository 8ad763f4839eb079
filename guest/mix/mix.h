/*
 * A real program's mix of work: sorting, hashing, copying, text, a hash table, a
 * tree, matrices, lists. The same object files are linked as a guest (guest.c,
 * start64.asm or start32.asm) and as a Linux process (tests/bench/mix_native.c),
 * so that both run identical code: freestanding C, and of the machine nothing but
 * `put`.
 *
 *     mix [n=1] [parts=NAME,NAME...]
 *
 * Prints BOOT and START, does each of the parts n times with other data each
 * time, prints STOP and then a checksum for each part and one for all.
 */
#ifndef MIX_H
#define MIX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Runs the whole; what it prints goes to `put`. False: the arguments are wrong, and a line says how. */
bool mix_run(const char *arguments, void (*put)(const char *text));

/* The parts. Each does some work on data that `seed` decides, and returns a sum of what came out. */
uint64_t mix_sort(uint64_t seed);
uint64_t mix_hash(uint64_t seed);
uint64_t mix_copy(uint64_t seed);
uint64_t mix_text(uint64_t seed);
uint64_t mix_table(uint64_t seed);
uint64_t mix_tree(uint64_t seed);
uint64_t mix_matrix(uint64_t seed);
uint64_t mix_list(uint64_t seed);

/* ---- shared by the parts ---- */

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* SplitMix64: every call another number. */
static inline uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15ull;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ z >> 27) * 0x94d049bb133111ebull;
    return z ^ z >> 31;
}

static inline uint32_t random_below(uint64_t *state, uint32_t limit)
{
    return (uint32_t)((next_random(state) >> 32) * limit >> 32);
}

static inline uint64_t fold(uint64_t sum, uint64_t value)
{
    return (sum << 7 | sum >> 57) * 0x2545f4914f6cdd1dull ^ value;
}

/* text.c: a small snprintf(): %s %c %d %u %x, with a width and leading zeros. Returns the length. */
size_t mix_format(char *to, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* memory.c: what the compiler may call. */
void *memcpy(void *restrict to, const void *restrict from, size_t n);
void *memmove(void *to, const void *from, size_t n);
void *memset(void *to, int value, size_t n);
int memcmp(const void *a, const void *b, size_t n);

#endif
