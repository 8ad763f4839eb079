#include "prove.h"

#include "console.h"
#include "memory.h"
#include "memory_map.h"
#include "natively.h"
#include "pci.h"
#include "proof_text.h"
#include "trace/hook.h"
#include "trace/proof_file.h"

#define LINE_BYTES 256u

static struct proof proof;
static const struct options *options; /* NULL: no proof is wanted */
static bool over;
static unsigned bus_masters; /* where the proof fails: PCI functions that could have written memory */

/* ---- room ---- */

/* What the guest has: RAM without what is hidden. */
static const struct memory_map *guest_map(const struct machine *m)
{
    static struct memory_map map;
    if (!memory_map_of_guest(&map, m))
        panic("the memory map has too many ranges for the proof (more than %d); leave proof= out",
              MEMORY_RANGES_MAX);
    return &map;
}

static uint64_t guest_pages(const struct machine *m)
{
    const struct memory_map *map = guest_map(m);
    uint64_t pages = 0;
    for (size_t i = 0; i < map->count; i++)
        if (map->range[i].type == MEMORY_RAM)
            pages += (map->range[i].end - map->range[i].start) >> PAGE_SHIFT;
    return pages;
}

static struct proof_plan plan_of(bool copy)
{
    return (struct proof_plan){.copy = copy, .keep = options->proof == PROVE_PAGES};
}

static uint64_t share(const struct machine *m, bool copy)
{
    const struct proof_plan plan = plan_of(copy);
    return align_up(proof_share_bytes(guest_pages(m), &plan), LARGE_PAGE_SIZE);
}

uint64_t prove_memory_bytes(const struct machine *m, const struct options *o)
{
    options = o->proof == PROVE_OFF ? NULL : o;
    return options ? share(m, true) : 0;
}

uint64_t prove_digest_bytes(const struct machine *m)
{
    return share(m, false);
}

void prove_init(const struct machine *m, hpa_t at, bool copy)
{
    const struct proof_plan plan = plan_of(copy);
    const struct memory_map *map = guest_map(m);
    proof.memory = phys_to_virt(0);
    for (size_t i = 0; i < map->count; i++)
        if (map->range[i].type == MEMORY_RAM)
            proof_add_range(&proof, map->range[i].start, map->range[i].end);
    proof_place(&proof, phys_to_virt(at), &plan);
}

/* ---- the run ---- */

static void begin(void *unused)
{
    (void)unused;
    proof_begin(&proof);
}

void prove_begin(void)
{
    if (!options)
        return;
    const char *refusal = proof_refusal(options->record & RECORD_WRITES, &options->filter);
    if (refusal) {
        proof_void(&proof, refusal);
        over = true;
        return;
    }
    natively(begin, NULL);
    hook_prove(&proof);
}

static bool is_different(void)
{
    return options && !proof.result.objection && !proof_holds(&proof.result);
}

static void end(void *unused)
{
    (void)unused;
    proof_end(&proof, hook_lost());
}

void prove_end(void)
{
    if (!options || over)
        return;
    over = true;
    hook_prove(NULL);
    natively(end, NULL);
    if (is_different())
        bus_masters = pci_bus_masters();
}

void prove_give_up(const char *why)
{
    if (!options || over)
        return;
    hook_prove(NULL);
    proof_void(&proof, why);
    over = true;
}

/* Where the guest was stopped nobody knows. */
void prove_abort(void)
{
    hook_prove(NULL);
    if (!over)
        proof_void(&proof, "the run ended in an error of Engram");
    over = true;
}

/* ---- what comes of it ---- */

void prove_report(void)
{
    static char line[LINE_BYTES];
    for (unsigned n = 0; options && proof_line(&proof.result, n, line, sizeof line); n++)
        printk("engram: %s\n", line);
    if (is_different())
        printk("engram: proof:   %u PCI functions are enabled to write memory by themselves (DMA)\n",
               bus_masters);
}

size_t prove_meta(char *text, size_t size)
{
    size_t n = options && over ? proof_meta(&proof, text, size) : 0;
    if (is_different())
        n += format_text(text + n, size - n, "proof.bus_masters=%u\n", bus_masters);
    return n;
}

static const void *chunks;
static uint64_t chunk_bytes;

static void find_chunks(void *unused)
{
    (void)unused;
    chunks = proof_chunks(&proof, &chunk_bytes);
}

const void *prove_chunks(void)
{
    if (options && !proof.result.objection && !chunks)
        natively(find_chunks, NULL);
    return chunks;
}

uint64_t prove_chunk_bytes(void)
{
    prove_chunks();
    return chunk_bytes;
}
