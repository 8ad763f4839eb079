/* Quicksort and merge sort of the same records, by key; the merge sort keeps the order of equal ones. */
#include "mix.h"

#define RECORDS 600u
#define FEW 12u

struct record {
    uint32_t key, number;
    uint64_t payload;
};

static struct record quick[RECORDS], merged[RECORDS], spare[RECORDS];

static void swap(struct record *a, struct record *b)
{
    struct record t = *a;
    *a = *b;
    *b = t;
}

static void insertion_sort(struct record *r, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        struct record moving = r[i];
        size_t k = i;
        for (; k > 0 && r[k - 1].key > moving.key; k--)
            r[k] = r[k - 1];
        r[k] = moving;
    }
}

/* The middle one of three. */
static uint32_t pivot_of(const struct record *r, size_t n)
{
    uint32_t a = r[0].key, b = r[n / 2].key, c = r[n - 1].key;
    uint32_t low = a < b ? a : b, high = a < b ? b : a;
    return c < low ? low : c > high ? high : c;
}

static void quicksort(struct record *r, size_t n)
{
    while (n > FEW) {
        uint32_t pivot = pivot_of(r, n);
        size_t i = 0, k = n - 1;
        for (;;) {
            while (r[i].key < pivot)
                i++;
            while (r[k].key > pivot)
                k--;
            if (i >= k)
                break;
            swap(&r[i++], &r[k--]);
        }
        quicksort(r, i);
        r += i;
        n -= i;
    }
    insertion_sort(r, n);
}

static void merge(struct record *to, const struct record *a, size_t a_count, const struct record *b,
                  size_t b_count)
{
    while (a_count && b_count) {
        if (b->key < a->key) {
            *to++ = *b++;
            b_count--;
        } else {
            *to++ = *a++;
            a_count--;
        }
    }
    memcpy(to, a, a_count * sizeof *a);
    memcpy(to + a_count, b, b_count * sizeof *b);
}

static void merge_sort(struct record *r, struct record *free, size_t n)
{
    if (n <= FEW) {
        insertion_sort(r, n);
        return;
    }
    size_t half = n / 2;
    merge_sort(r, free, half);
    merge_sort(r + half, free, n - half);
    merge(free, r, half, r + half, n - half);
    memcpy(r, free, n * sizeof *r);
}

uint64_t mix_sort(uint64_t seed)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < RECORDS; i++)
        quick[i] = merged[i] = (struct record){random_below(&seed, 4 * RECORDS), i, next_random(&seed)};
    quicksort(quick, RECORDS);
    merge_sort(merged, spare, RECORDS);
    for (uint32_t i = 0; i < RECORDS; i++)
        sum = fold(sum, (uint64_t)quick[i].key << 32 ^ merged[i].number ^ quick[i].payload ^
                            (quick[i].key == merged[i].key ? 0 : 1));
    return sum;
}
