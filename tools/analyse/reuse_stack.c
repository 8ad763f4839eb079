/* Stack distances by counting the last uses in between: a bitmap over time with a Fenwick tree above it. */
#include "analyse/reuse_stack.h"
#include "need.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_ROOM (1u << 16)

static void make_room(struct reuse_stack *s, uint32_t room)
{
    s->room = room;
    s->used = need_zeroed(room / 64, sizeof(*s->used));
    s->sums = need_zeroed(room / 64 + 1, sizeof(*s->sums));
    s->key_at = need(room * sizeof(*s->key_at));
}

void reuse_stack_init(struct reuse_stack *s, size_t keys_max)
{
    *s = (struct reuse_stack){.keys_max = keys_max, .newest = UINT64_MAX};
    table_init(&s->last, sizeof(uint32_t));
    make_room(s, FIRST_ROOM);
}

void reuse_stack_free(struct reuse_stack *s)
{
    table_free(&s->last);
    free(s->used);
    free(s->sums);
    free(s->key_at);
}

static void sums_add(struct reuse_stack *s, uint32_t word, uint32_t n)
{
    for (uint32_t i = word + 1; i <= s->room / 64; i += i & (0 - i))
        s->sums[i] += n;
}

static void set_used(struct reuse_stack *s, uint32_t time)
{
    s->used[time / 64] |= UINT64_C(1) << time % 64;
    sums_add(s, time / 64, 1);
}

static void clear_used(struct reuse_stack *s, uint32_t time)
{
    s->used[time / 64] &= ~(UINT64_C(1) << time % 64);
    sums_add(s, time / 64, UINT32_MAX);
}

/* Last uses before a time. */
static uint32_t used_before(const struct reuse_stack *s, uint32_t time)
{
    uint32_t n = 0;
    for (uint32_t i = time / 64; i; i &= i - 1)
        n += s->sums[i];
    return n + (uint32_t)__builtin_popcountll(s->used[time / 64] & ((UINT64_C(1) << time % 64) - 1));
}

static uint64_t hash_of(uint64_t key)
{
    key = (key ^ key >> 31) * 0x7fb5d329728ea185u;
    key = (key ^ key >> 27) * 0x81dadef4bc2dd44du;
    return key ^ key >> 33;
}

static bool is_sampled(const struct reuse_stack *s, uint64_t key)
{
    return (hash_of(key) & ((UINT64_C(1) << s->sampling) - 1)) == 0;
}

/* Times are renumbered from 0 in their order, without those that are nobody's last any more. */
static void compact(struct reuse_stack *s, uint32_t room)
{
    struct reuse_stack old = *s;
    make_room(s, room);
    s->time = 0;
    for (uint32_t t = 0; t < old.time; t++) {
        if (!(old.used[t / 64] >> t % 64 & 1))
            continue;
        uint64_t key = old.key_at[t];
        *(uint32_t *)table_get(&s->last, key) = s->time;
        s->key_at[s->time] = key;
        set_used(s, s->time++);
    }
    free(old.used);
    free(old.sums);
    free(old.key_at);
}

static bool keep_sampled(void *ctx, uint64_t key, const void *value)
{
    (void)value;
    return is_sampled(ctx, key);
}

/* Half of the keys are looked at no longer. */
static void sample_more(struct reuse_stack *s)
{
    s->sampling++;
    for (uint32_t t = 0; t < s->time; t++)
        if ((s->used[t / 64] >> t % 64 & 1) && !is_sampled(s, s->key_at[t]))
            clear_used(s, t);
    table_filter(&s->last, keep_sampled, s);
    compact(s, s->room);
}

uint64_t reuse_stack_use(struct reuse_stack *s, uint64_t key)
{
    if (s->sampling && !is_sampled(s, key))
        return REUSE_UNSEEN;
    if (s->newest == key && s->time)
        return 0;
    if (s->time == s->room)
        compact(s, 2 * s->last.count > s->room ? 2 * s->room : s->room);
    size_t before = s->last.count;
    uint32_t *last = table_get(&s->last, key);
    uint64_t distance = REUSE_FIRST;
    if (s->last.count == before) {
        distance = (uint64_t)(s->last.count - 1 - used_before(s, *last)) << s->sampling;
        clear_used(s, *last);
    }
    *last = s->time;
    s->key_at[s->time] = s->newest = key;
    set_used(s, s->time++);
    if (s->last.count > s->keys_max)
        sample_more(s);
    return distance;
}
