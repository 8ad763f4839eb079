/* A binary search tree: insert, look up, remove, walk in order. */
#include "mix.h"

#define NODES 500u

struct node {
    struct node *child[2];
    uint32_t key, value;
};

static struct node nodes[NODES];

/* Where the pointer to the node lies, or where one with this key belongs. */
static struct node **find(struct node **at, uint32_t key)
{
    while (*at && (*at)->key != key)
        at = &(*at)->child[key > (*at)->key];
    return at;
}

static void take_out(struct node **at)
{
    struct node *gone = *at;
    if (!gone->child[0] || !gone->child[1]) {
        *at = gone->child[!gone->child[0]];
        return;
    }
    struct node **least = &gone->child[1]; /* of those above it takes its place */
    while ((*least)->child[0])
        least = &(*least)->child[0];
    struct node *next = *least;
    *least = next->child[1];
    next->child[0] = gone->child[0];
    next->child[1] = gone->child[1];
    *at = next;
}

static uint64_t sum_in_order(const struct node *n, uint64_t sum)
{
    for (; n; n = n->child[1]) {
        sum = sum_in_order(n->child[0], sum);
        sum = fold(sum, (uint64_t)n->key << 32 | n->value);
    }
    return sum;
}

uint64_t mix_tree(uint64_t seed)
{
    struct node *root = NULL;
    uint32_t used = 0;
    uint64_t sum = 0;

    while (used < NODES) {
        uint32_t key = random_below(&seed, 4 * NODES);
        struct node **at = find(&root, key);
        if (*at) {
            (*at)->value++;
            continue;
        }
        nodes[used] = (struct node){.key = key, .value = 1};
        *at = &nodes[used++];
    }
    for (uint32_t i = 0; i < NODES; i++) {
        struct node **at = find(&root, random_below(&seed, 4 * NODES));
        if (!*at)
            continue;
        sum = fold(sum, (*at)->value++);
        if (i % 4 == 0)
            take_out(at);
    }
    return sum_in_order(root, sum);
}
