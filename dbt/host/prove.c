/* The replay proof of a hosted run (hv/trace/proof.h). */
#include "dbt/host/host.h"

#include "proof_text.h"
#include "trace/hook.h"
#include "trace/proof_file.h"

#include <stdio.h>
#include <sys/mman.h>

#define LINE_BYTES 256

static struct proof proof;
static bool over;

static bool is_wanted(void)
{
    return host_options.proof != HOST_PROOF_OFF;
}

static const char *refusal(void)
{
    return host_options.discard ? "the records are thrown away"
                                : proof_refusal(host_options.record & RECORD_WRITES, &host_options.filter);
}

void prove_begin(struct dbt *d)
{
    const struct proof_plan plan = {.copy = host_options.proof != HOST_PROOF_DIGESTS,
                                    .keep = host_options.proof == HOST_PROOF_PAGES};
    if (!is_wanted())
        return;
    if (refusal()) {
        proof_void(&proof, refusal());
        over = true;
        return;
    }
    proof.memory = d->ram;
    proof_add_range(&proof, 0, d->ram_bytes);
    uint64_t bytes = proof_memory_bytes(proof.pages, &plan);
    void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED)
        host_fail("no memory for a copy of the guest's");
    proof_place(&proof, at, &plan);
    proof_begin(&proof);
    hook_prove(&proof);
}

void prove_end(void)
{
    if (!is_wanted() || over)
        return;
    over = true;
    hook_prove(NULL);
    proof_end(&proof, hook_lost());
}

void prove_report(void)
{
    char line[LINE_BYTES];
    prove_end();
    for (unsigned n = 0; is_wanted() && proof_line(&proof.result, n, line, sizeof(line)); n++)
        fprintf(stderr, "dbt-host: %s\n", line);
}

size_t prove_meta(char *text, size_t size)
{
    return is_wanted() ? proof_meta(&proof, text, size) : 0;
}

const void *prove_chunks(uint64_t *bytes)
{
    *bytes = 0;
    return is_wanted() && !proof.result.objection ? proof_chunks(&proof, bytes) : NULL;
}
