/*
 * A QEMU plugin that records what Engram records: for every access a record of
 * 32 bytes (virtual and physical address, data where QEMU gives them,
 * instruction count, size and kind) into a ring in memory. Nothing is written out.
 *
 *     qemu-system-x86_64 -plugin plugin.so,kinds=w|rw,ring=MIB
 *
 * The few functions of the plugin interface that it takes are declared here, as
 * Debian ships no header for them; each is as documented in QEMU's
 * docs/devel/tcg-plugins.rst. Two generations of the interface are served:
 * PLUGIN_VERSION 1 (QEMU before 9) and 2 (9 and later, which refuse 1).
 *
 * Quirk: QEMU 7.2 filters reads and writes wrongly, so there all accesses call
 * and the kind is told apart here.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#ifndef PLUGIN_VERSION
#define PLUGIN_VERSION 1
#endif
#define EXPORT __attribute__((visibility("default")))

typedef uint64_t plugin_id;
typedef uint32_t meminfo;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_plugin_hwaddr;
struct qemu_plugin_scoreboard;
struct scoreboard_u64 {
    struct qemu_plugin_scoreboard *score;
    size_t offset;
};

enum { INLINE_ADD_U64 = 0 };
enum { CALLBACK_NO_REGISTERS = 0 };
enum { MEM_READ = 1, MEM_WRITE = 2, MEM_ALL = 3 };

typedef void exit_callback(plugin_id id, void *data);
typedef void tb_callback(plugin_id id, struct qemu_plugin_tb *tb);
typedef void mem_callback(unsigned vcpu, meminfo info, uint64_t address, void *data);
void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id id, tb_callback *f);
void qemu_plugin_register_atexit_cb(plugin_id id, exit_callback *f, void *data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t n);
void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn *insn, mem_callback *f, int registers,
                                      int kinds, void *data);
unsigned qemu_plugin_mem_size_shift(meminfo info);
bool qemu_plugin_mem_is_store(meminfo info);
struct qemu_plugin_hwaddr *qemu_plugin_get_hwaddr(meminfo info, uint64_t address);
uint64_t qemu_plugin_hwaddr_phys_addr(const struct qemu_plugin_hwaddr *hwaddr);

#if PLUGIN_VERSION == 1
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *tb, int op, void *counter, uint64_t n);
static uint64_t instructions;
static uint64_t *counter(void)
{
    return &instructions;
}
static void make_counter(void) {}
static void count(struct qemu_plugin_tb *tb, uint64_t n)
{
    qemu_plugin_register_vcpu_tb_exec_inline(tb, INLINE_ADD_U64, &instructions, n);
}
static uint64_t value_of(meminfo info)
{
    (void)info;
    return 0;
}
#else
typedef struct {
    int type; /* size, as its logarithm */
    union {
        uint8_t u8;
        uint16_t u16;
        uint32_t u32;
        uint64_t u64;
        struct {
            uint64_t low, high;
        } u128;
    } data;
} mem_value;
struct qemu_plugin_scoreboard *qemu_plugin_scoreboard_new(size_t size);
void *qemu_plugin_scoreboard_find(struct qemu_plugin_scoreboard *score, unsigned vcpu);
void qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(struct qemu_plugin_tb *tb, int op,
                                                       struct scoreboard_u64 at, uint64_t n);
mem_value qemu_plugin_mem_get_value(meminfo info);
static struct scoreboard_u64 instructions;
static uint64_t *counter(void)
{
    static uint64_t *of_the_only_cpu;
    if (!of_the_only_cpu)
        of_the_only_cpu = qemu_plugin_scoreboard_find(instructions.score, 0);
    return of_the_only_cpu;
}
static void make_counter(void)
{
    instructions.score = qemu_plugin_scoreboard_new(sizeof(uint64_t));
}
static void count(struct qemu_plugin_tb *tb, uint64_t n)
{
    qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(tb, INLINE_ADD_U64, instructions, n);
}
static uint64_t value_of(meminfo info)
{
    return qemu_plugin_mem_get_value(info).data.u64;
}
#endif

struct record {
    uint64_t virtual_address, physical_address, value;
    uint64_t count : 56, size_shift : 7, store : 1;
};
_Static_assert(sizeof(struct record) == 32, "a record has 32 bytes");

static struct record *ring;
static uint64_t next, mask;
static bool reads;

/* The count at the block's head holds the whole block already: `behind` is what of it comes after. */
static void on_access(unsigned vcpu, meminfo info, uint64_t address, void *behind)
{
    bool store = qemu_plugin_mem_is_store(info);
    (void)vcpu;
    if (!store && !reads)
        return;
    struct qemu_plugin_hwaddr *hwaddr = qemu_plugin_get_hwaddr(info, address);
    ring[next++ & mask] = (struct record){
        .virtual_address = address,
        .physical_address = hwaddr ? qemu_plugin_hwaddr_phys_addr(hwaddr) : UINT64_MAX,
        .value = value_of(info),
        .count = *counter() - (uintptr_t)behind,
        .size_shift = qemu_plugin_mem_size_shift(info),
        .store = store,
    };
}

static void on_block(plugin_id id, struct qemu_plugin_tb *tb)
{
    size_t n = qemu_plugin_tb_n_insns(tb);
    int kinds = PLUGIN_VERSION == 1 || reads ? MEM_ALL : MEM_WRITE;
    (void)id;
    count(tb, n);
    for (size_t i = 0; i < n; i++)
        qemu_plugin_register_vcpu_mem_cb(qemu_plugin_tb_get_insn(tb, i), on_access, CALLBACK_NO_REGISTERS,
                                         kinds, (void *)(uintptr_t)(n - i));
}

/* Shows that the work was done: how many records, and the last store. */
static void on_exit_of_qemu(plugin_id id, void *data)
{
    (void)id;
    (void)data;
    for (uint64_t i = next; i > 0 && i + mask >= next; i--) {
        const struct record *r = &ring[(i - 1) & mask];
        if (!r->store)
            continue;
        fprintf(stderr,
                "plugin: records=%lu last_store_virtual=%lx last_store_physical=%lx value=%lx count=%lu\n",
                next, r->virtual_address, r->physical_address, r->value, (uint64_t)r->count);
        return;
    }
    fprintf(stderr, "plugin: records=%lu\n", next);
}

EXPORT int qemu_plugin_version = PLUGIN_VERSION;

EXPORT int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv);
EXPORT int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv)
{
    uint64_t mib = 256;
    (void)info;
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "kinds=w") == 0) {
            reads = false;
        } else if (strcmp(argv[i], "kinds=rw") == 0) {
            reads = true;
        } else if (sscanf(argv[i], "ring=%lu", &mib) != 1 || mib == 0 || (mib & (mib - 1))) {
            fprintf(stderr, "plugin: '%s' is none of kinds=w|rw, ring=MIB (a power of two)\n", argv[i]);
            return 1;
        }
    }
    ring = mmap(NULL, mib << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (ring == MAP_FAILED) {
        fprintf(stderr, "plugin: no memory for a ring of %lu MiB\n", mib);
        return 1;
    }
    mask = (mib << 20) / sizeof(struct record) - 1;
    make_counter();
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_block);
    qemu_plugin_register_atexit_cb(id, on_exit_of_qemu, NULL);
    return 0;
}
