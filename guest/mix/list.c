/* Linked lists in an order that memory does not have: walks, reversal, removal, merging. */
#include "mix.h"

#define NODES 800u
#define WALKS 4u

struct node {
    struct node *next;
    uint32_t key, visits;
    uint8_t rest[112]; /* of what real nodes carry: a walk meets a page every 32 of them */
};

static struct node nodes[NODES];

static struct node *make_list(uint64_t *seed)
{
    static uint32_t order[NODES];
    struct node *list = NULL;

    for (uint32_t i = 0; i < NODES; i++)
        order[i] = i;
    for (uint32_t i = NODES - 1; i > 0; i--) {
        uint32_t k = random_below(seed, i + 1), t = order[i];
        order[i] = order[k];
        order[k] = t;
    }
    for (uint32_t i = 0; i < NODES; i++) {
        struct node *n = &nodes[order[i]];
        n->next = list;
        n->key = (uint32_t)next_random(seed);
        n->visits = 0;
        list = n;
    }
    return list;
}

static struct node *reverse(struct node *list)
{
    struct node *done = NULL;
    while (list) {
        struct node *next = list->next;
        list->next = done;
        done = list;
        list = next;
    }
    return done;
}

/* Takes out the nodes with odd keys and gives them back as a list. */
static struct node *split(struct node **list)
{
    struct node *odd = NULL;
    while (*list) {
        struct node *n = *list;
        if (!(n->key & 1)) {
            list = &n->next;
            continue;
        }
        *list = n->next;
        n->next = odd;
        odd = n;
    }
    return odd;
}

/* One of each in turn. */
static struct node *interleave(struct node *a, struct node *b)
{
    struct node *first = NULL, **end = &first;
    while (a || b) {
        if (a) {
            *end = a;
            end = &a->next;
            a = a->next;
        }
        struct node *t = a;
        a = b;
        b = t;
    }
    *end = NULL;
    return first;
}

uint64_t mix_list(uint64_t seed)
{
    struct node *list = make_list(&seed);
    uint64_t sum = 0;

    for (uint32_t walk = 0; walk < WALKS; walk++) {
        for (struct node *n = list; n; n = n->next) {
            n->visits++;
            if (n->key >> 28 == walk)
                sum = fold(sum, n->key);
        }
        list = reverse(list);
        struct node *odd = split(&list);
        list = interleave(odd, list);
        list->key++;
    }
    for (const struct node *n = list; n; n = n->next)
        sum = fold(sum, (uint64_t)n->key << 32 | n->visits);
    return sum;
}
