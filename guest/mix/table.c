/* A hash table with chaining: words are counted, looked up and removed. */
#include "mix.h"

#define BUCKETS 256u
#define ENTRIES 600u
#define TURNS 2400u
#define KEY_BYTES 16u

struct entry {
    struct entry *next;
    uint32_t hash, count;
    char key[KEY_BYTES];
};

static struct entry entries[ENTRIES], *bucket[BUCKETS], *free_entries;

static uint32_t hash_of(const char *key)
{
    uint32_t h = 0x811c9dc5;
    while (*key)
        h = (h ^ (uint8_t)*key++) * 0x01000193;
    return h;
}

static bool same(const char *a, const char *b)
{
    while (*a && *a == *b)
        a++, b++;
    return *a == *b;
}

/* Where the pointer to the entry lies, or the one behind the chain's last. */
static struct entry **find(const char *key, uint32_t hash)
{
    struct entry **at = &bucket[hash % BUCKETS];
    while (*at && !((*at)->hash == hash && same((*at)->key, key)))
        at = &(*at)->next;
    return at;
}

static void count(const char *key)
{
    uint32_t hash = hash_of(key);
    struct entry **at = find(key, hash);
    if (!*at) {
        struct entry *fresh = free_entries;
        if (!fresh)
            return;
        free_entries = fresh->next;
        fresh->next = NULL;
        fresh->hash = hash;
        fresh->count = 0;
        size_t i = 0;
        for (; key[i]; i++)
            fresh->key[i] = key[i];
        fresh->key[i] = '\0';
        *at = fresh;
    }
    (*at)->count++;
}

static uint32_t take_out(const char *key)
{
    struct entry **at = find(key, hash_of(key)), *gone = *at;
    if (!gone)
        return 0;
    *at = gone->next;
    gone->next = free_entries;
    free_entries = gone;
    return gone->count;
}

/* Some come often, most seldom. */
static void make_key(char *key, uint64_t *seed)
{
    uint32_t n = random_below(seed, 1u << random_below(seed, 11));
    size_t i = 0;
    key[i++] = 'k';
    do
        key[i++] = (char)('a' + n % 16);
    while (n /= 16);
    key[i] = '\0';
}

uint64_t mix_table(uint64_t seed)
{
    uint64_t sum = 0;
    char key[KEY_BYTES];

    memset(bucket, 0, sizeof bucket);
    free_entries = NULL;
    for (uint32_t i = 0; i < ENTRIES; i++) {
        entries[i].next = free_entries;
        free_entries = &entries[i];
    }
    for (uint32_t i = 0; i < TURNS; i++) {
        make_key(key, &seed);
        if (i % 8 == 7)
            sum = fold(sum, take_out(key));
        else
            count(key);
    }
    for (uint32_t i = 0; i < BUCKETS; i++)
        for (const struct entry *e = bucket[i]; e; e = e->next)
            sum = fold(sum, (uint64_t)e->hash << 32 | e->count);
    return sum;
}
