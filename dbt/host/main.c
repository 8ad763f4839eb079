/*
 * dbt-host: runs a multiboot kernel translated, as a Linux process.
 *
 *     dbt-host [option=value]... KERNEL [argument of the kernel]...
 *
 * ram=MiB ring=MiB trace=w|r|rw|none out=FILE start=TEXT stop=TEXT ring.mode=wrap|stop discard=1 counters=1
 * timing=1 print=IP
 */
#include "dbt/host/disassemble.h"
#include "dbt/host/host.h"

#include "multiboot_guest.h"
#include "x86/cpu.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define CODE_BYTES (32u << 20)
#define BLOCKS_MAX 65536u
#define BUDGET_BYTES (4u << 20)
#define ROOM_BYTES 8192u
#define GUARD_BYTES (1u << 16)

struct host_options host_options = {
    .ram_bytes = 64 << 20, .ring_bytes = 64 << 20, .buffer_bytes = 1 << 20, .print_block = ~0ull};
static struct dbt *engine;
static double started;

_Noreturn void host_fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr, "dbt-host: ");
    vfprintf(stderr, format, args);
    fprintf(stderr, "\n");
    va_end(args);
    exit(2);
}

static void *map(size_t bytes, int protection)
{
    void *p = mmap(NULL, bytes, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED)
        host_fail("no memory for %zu bytes", bytes);
    return p;
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* ---- callbacks ---- */

static uint64_t next_deadline(struct dbt *d)
{
    (void)d;
    return BUDGET_BYTES;
}
static bool host_poll(struct dbt *d)
{
    (void)d;
    return true;
}
static int host_interrupt(struct dbt *d)
{
    (void)d;
    return -1;
}
static bool host_wait(struct dbt *d)
{
    (void)d;
    return false;
}

static struct dbt_host machine_host = {.drain = trace_drain,
                                       .next_deadline = next_deadline,
                                       .poll = host_poll,
                                       .interrupt = host_interrupt,
                                       .wait = host_wait,
                                       .port_in = ports_in,
                                       .port_out = ports_out,
                                       .event = trace_event};

static void guest_cpuid(struct dbt_cpu *c)
{
    struct cpuid r = cpuid((uint32_t)c->v.gpr[RAX], (uint32_t)c->v.gpr[RCX]);
    c->v.gpr[RAX] = r.eax;
    c->v.gpr[RBX] = r.ebx;
    c->v.gpr[RCX] = r.ecx;
    c->v.gpr[RDX] = r.edx;
}
static bool guest_read_msr(struct dbt_cpu *c, uint32_t msr, uint64_t *value)
{
    (void)c;
    (void)msr;
    *value = 0;
    return false;
}
static bool guest_write_msr(struct dbt_cpu *c, uint32_t msr, uint64_t value)
{
    (void)c;
    (void)msr;
    (void)value;
    return false;
}
static uint64_t guest_tsc(struct dbt_cpu *c)
{
    (void)c;
    return rdtsc();
}

/* ---- building the machine ---- */

static void map_budget(void)
{
    uint8_t *p = map(GUARD_BYTES + BUDGET_BYTES, PROT_NONE);
    machine_host.budget_base = (uint64_t)(uintptr_t)(p + GUARD_BYTES);
    machine_host.budget_bytes = BUDGET_BYTES;
    /* Never written: every page of it is the kernel's one page of zeros. */
    if (mprotect(p + GUARD_BYTES, BUDGET_BYTES, PROT_READ) ||
        madvise(p + GUARD_BYTES, BUDGET_BYTES, MADV_NOHUGEPAGE))
        host_fail("the budget's range cannot be mapped");
}

/* Loads at `room` behind the record pointer fault once the pointer is at the buffer's end. */
static void map_buffer(struct dbt *d)
{
    uint64_t bytes = host_options.buffer_bytes;
    uint8_t *p = map(bytes + ROOM_BYTES + GUARD_BYTES, PROT_NONE);
    if (mprotect(p, bytes + ROOM_BYTES, PROT_READ | PROT_WRITE))
        host_fail("the record buffer cannot be mapped");
    /* As the hypervisor's ring will be: large pages, there from the start. */
    madvise(p, bytes, MADV_HUGEPAGE);
    memset(p, 0, bytes);
    d->recorder.start = p;
    d->recorder.end = p + bytes;
    machine_host.room_bytes = ROOM_BYTES;
}

static struct dbt *make_engine(void)
{
    struct dbt *d = map(sizeof(*d), PROT_READ | PROT_WRITE);
    uint64_t pages = host_options.ram_bytes >> PAGE_SHIFT;

    d->ram = map(host_options.ram_bytes, PROT_READ | PROT_WRITE);
    d->ram_bytes = host_options.ram_bytes;
    d->page_flags = map(pages, PROT_READ | PROT_WRITE);
    d->page_blocks = map(pages * sizeof(void *), PROT_READ | PROT_WRITE);
    d->host = &machine_host;
    d->block_max = BLOCKS_MAX;
    d->insn_max = BLOCKS_MAX * 8;
    d->exit_max = BLOCKS_MAX * 8;
    d->blocks = map(d->block_max * sizeof(*d->blocks), PROT_READ | PROT_WRITE);
    d->insns = map(d->insn_max * sizeof(*d->insns), PROT_READ | PROT_WRITE);
    d->exits = map(d->exit_max * sizeof(*d->exits), PROT_READ | PROT_WRITE);
    d->recorder.block = map(RECORD_BLOCKS_MAX * sizeof(struct record_block), PROT_READ | PROT_WRITE);
    d->recorder.access = map(RECORD_ACCESSES_MAX * sizeof(struct record_access), PROT_READ | PROT_WRITE);
    map_budget();
    map_buffer(d);
    d->cpu.physical_bits = 40;
    d->cpu.has_gib_pages = true;
    d->cpu.cr4_allowed = 0x3107f8; /* DE to OSXMMEXCPT, FSGSBASE, SMEP, SMAP */
    d->cpu.xcr0_allowed = 7;
    d->cpu.cpuid = guest_cpuid;
    d->cpu.read_msr = guest_read_msr;
    d->cpu.write_msr = guest_write_msr;
    d->cpu.read_tsc = guest_tsc;
    trap_init(d);
    return d;
}

/* ---- the guest ---- */

static const uint8_t *kernel_bytes;
static uint64_t kernel_size;

static const void *read_physical(hpa_t start, size_t size)
{
    uint64_t file = host_options.ram_bytes; /* the kernel's file lies behind RAM, as it were */
    if (start >= file && start - file + size <= kernel_size)
        return kernel_bytes + (start - file);
    return start + size <= host_options.ram_bytes ? engine->ram + start : NULL;
}

static void *write_physical(hpa_t start, size_t size)
{
    return start + size <= host_options.ram_bytes ? engine->ram + start : NULL;
}

static void load_guest(struct dbt *d, const char *path, const char *title)
{
    static struct guest_plan plan;
    static char error[512];
    struct stat st;
    int fd = open(path, O_RDONLY);
    if (fd < 0 || fstat(fd, &st) || st.st_size == 0)
        host_fail("%s: cannot be read", path);
    kernel_size = (uint64_t)st.st_size;
    kernel_bytes = mmap(NULL, kernel_size, PROT_READ, MAP_PRIVATE, fd, 0);
    struct boot_module module = {.start = host_options.ram_bytes,
                                 .end = host_options.ram_bytes + kernel_size};
    snprintf(module.string, sizeof(module.string), "%s", title);
    struct machine m = {.map = {{0, 0x9fc00, MEMORY_RAM}, {MIB(1), host_options.ram_bytes, MEMORY_RAM}},
                        .map_count = 2,
                        .ram_end = host_options.ram_bytes,
                        .physical_bits = 40};
    struct guest_source source = {.kernel = &module, .kernel_bytes = kernel_bytes};
    if (!multiboot_guest_plan(&plan, &source, &m, error, sizeof(error)) ||
        !multiboot_guest_apply(&plan, read_physical, write_physical, error, sizeof(error)))
        host_fail("%s", error);
    multiboot_guest_vcpu(&d->cpu.v, plan.entry, plan.info);
}

/* ---- options ---- */

static bool option(const char *arg, const char *name, const char **value)
{
    size_t n = strlen(name);
    if (memcmp(arg, name, n) || arg[n] != '=')
        return false;
    *value = arg + n + 1;
    return true;
}

static bool take_option(const char *arg)
{
    struct host_options *o = &host_options;
    const char *v;
    if (option(arg, "ram", &v))
        o->ram_bytes = strtoull(v, NULL, 0) << 20;
    else if (option(arg, "ring", &v))
        o->ring_bytes = strtoull(v, NULL, 0) << 20;
    else if (option(arg, "buffer", &v))
        o->buffer_bytes = strtoull(v, NULL, 0) << 10;
    else if (option(arg, "trace", &v)) {
        o->reads = v[0] == 'r';
        o->writes = v[0] == 'w' || (v[0] == 'r' && v[1] == 'w');
    } else if (option(arg, "out", &v))
        o->output = v;
    else if (option(arg, "start", &v))
        o->start = v;
    else if (option(arg, "stop", &v))
        o->stop = v;
    else if (option(arg, "ring.mode", &v))
        o->wrap = v[0] == 'w';
    else if (option(arg, "discard", &v))
        o->discard = v[0] == '1';
    else if (option(arg, "counters", &v))
        o->counters = v[0] == '1';
    else if (option(arg, "timing", &v))
        o->timing = v[0] == '1';
    else if (option(arg, "print", &v))
        o->print_block = strtoull(v, NULL, 0);
    else
        return false;
    if (o->ram_bytes < MIB(2) || o->ram_bytes > GIB(3))
        host_fail("ram= takes 2 to 3072 MiB");
    return true;
}

static void print_line(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
}

static unsigned print_guest(const struct block *b, uint64_t ip, const uint8_t *bytes, size_t available,
                            char *text)
{
    return disassemble_guest(bytes, available, ip, (enum code_size)(b->mode & MODE_CODE_SIZE), text);
}

static const struct block *printed;

/* Within the block by offset, others by their IP. */
static bool name_target(const struct target_names *names, uint64_t target, char *text, size_t size)
{
    const uint8_t *to = (const uint8_t *)(uintptr_t)target;
    const struct block *b = cache_block_at(engine, target);
    (void)names;
    if (b == printed)
        snprintf(text, size, "+%u", (unsigned)(to - b->indirect));
    else if (b)
        snprintf(text, size, "block 0x%lx", (unsigned long)b->ip);
    else if (to == engine->leave)
        snprintf(text, size, "leave");
    else if (to == engine->leave_indirect)
        snprintf(text, size, "leave_indirect");
    else
        return false;
    return true;
}

static unsigned print_host(struct dbt *d, const struct block *b, const uint8_t *code, char *text)
{
    static const struct target_names names = {name_target};
    (void)d;
    printed = b;
    return disassemble_host(code, &names, text);
}

static void print_blocks(struct dbt *d)
{
    static const struct dbt_print print = {print_line, print_guest, print_host};
    for (uint32_t i = 0; i < d->block_count; i++)
        if (host_options.print_block == 0 || d->blocks[i].ip == host_options.print_block)
            dbt_print_block(d, &d->blocks[i], &print);
}

int main(int argc, char **argv)
{
    int i = 1;
    while (i < argc && take_option(argv[i]))
        i++;
    if (i == argc)
        host_fail("usage: dbt-host [option=value]... KERNEL [argument]...");
    if (!__builtin_cpu_supports("bmi2"))
        host_fail("this CPU has no BMI2, which translated code uses (Intel Haswell, AMD Excavator and later "
                  "have it)");
    char title[1024];
    int n = snprintf(title, sizeof(title), "%s", argv[i]);
    for (int k = i + 1; k < argc && n < (int)sizeof(title); k++)
        n += snprintf(title + n, sizeof(title) - (size_t)n, " %s", argv[k]);

    struct dbt *d = engine = make_engine();
    load_guest(d, argv[i], title);
    trace_init(d);
    dbt_init(d, map(CODE_BYTES, PROT_READ | PROT_WRITE | PROT_EXEC), CODE_BYTES);
    if (!host_options.start)
        trace_start(d);
    started = seconds();
    dbt_run(d);
    double ended = seconds();
    host_save_vectors();
    fflush(stdout);
    if (d->cpu.stop == DBT_TRIPLE_FAULT)
        d->cpu.stop_text = "triple fault";
    fprintf(stderr, "dbt-host: ended: %s (RIP 0x%llx)\n", d->cpu.stop_text, (unsigned long long)d->cpu.v.rip);
    if (host_options.timing)
        fprintf(stderr, "seconds %.6f\n", ended - started);
    if (host_options.print_block != ~0ull)
        print_blocks(d);
    if (!trace_write(d, title, d->cpu.stop_text))
        host_fail("%s: cannot be written", host_options.output);
    if (host_options.counters) {
        static char text[4096];
        dbt_counters_text(d, text, sizeof(text));
        fputs(text, stderr);
    }
    return host_exit_code();
}
