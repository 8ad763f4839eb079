/*
 * The story of a run, from the boot loader's jump to the dump.
 */
#include "acpi.h"
#include "bootinfo.h"
#include "clock.h"
#include "console.h"
#include "control.h"
#include "deliver.h"
#include "engine.h"
#include "exit.h"
#include "finish.h"
#include "guest/guest.h"
#include "hypercall.h"
#include "interrupts.h"
#include "memory.h"
#include "monitor/monitor.h"
#include "pace.h"
#include "place.h"
#include "ports.h"
#include "previous.h"
#include "processors.h"
#include "prove.h"
#include "registers.h"
#include "select.h"
#include "trace/crc32c.h"
#include "trace/hook.h"
#include "uart.h"
#include "vga.h"
#include "x86/cpu.h"

#include <string.h>

#define ENGRAM_VERSION "0.1"
#define COM1 0x3f8
#define DEFAULT_BAUD 115200
#define STACK_BYTES 65536

_Noreturn void main(uint32_t magic, uint32_t info);

/* The stack lies in the image: it moves with it. */
uint8_t boot_stack[STACK_BYTES] __attribute__((aligned(16)));
__asm__(".global boot_stack_top\n.set boot_stack_top, boot_stack + 65536\n");

static struct bootinfo boot;
static struct options options;
static struct machine machine;
static struct ring ring;
static struct vcpu vcpu;
static struct acpi_info acpi;
static char engine_reason[256];
static uint64_t run_id;
static const struct engine *engine;

static const void *read_physical(hpa_t start, size_t size)
{
    hpa_t limit = machine.ram_end > GIB(4) ? machine.ram_end : GIB(4);
    return start < limit && size <= limit - start ? phys_to_virt(start) : NULL;
}

/* Serial first, so that every later error is seen: COM1 until the options say otherwise. */
static void read_boot_information(uint32_t magic, uint32_t info)
{
    static char error[OPTIONS_ERROR_BYTES], options_error[OPTIONS_ERROR_BYTES];
    uart_init(COM1, DEFAULT_BAUD);
    bool boot_ok = bootinfo_parse(&boot, magic, info, read_physical, error, sizeof error);
    bool options_ok = options_parse(&options, boot.command_line, options_error, sizeof options_error);
    if (options.serial_port != COM1 || options.serial_baud != DEFAULT_BAUD)
        if (!uart_init(options.serial_port, options.serial_baud) && options.serial_port != 0 &&
            uart_init(COM1, DEFAULT_BAUD))
            panic("serial=: no UART answers at port 0x%x; use serial=com1 to com4, serial=0xPORT or "
                  "serial=none",
                  options.serial_port);
    vga_init(boot.screen != SCREEN_GRAPHICS);
    printk("Engram %s: a hypervisor that records every memory access\n", ENGRAM_VERSION);
    if (!boot_ok)
        panic("%s", error);

    char acpi_error[128];
    acpi_find(&acpi, boot.rsdp_bytes ? boot.rsdp : NULL, boot.rsdp_bytes, read_physical, acpi_error,
              sizeof acpi_error);
    finish_init(options.after, &acpi);
    if (!options_ok)
        panic("%s", options_error);
}

static void describe_machine(void)
{
    memcpy(machine.map, boot.map.range, sizeof machine.map);
    machine.map_count = boot.map.count;
    for (size_t i = 0; i < machine.map_count; i++)
        if (machine.map[i].type == MEMORY_RAM && machine.map[i].end > machine.ram_end)
            machine.ram_end = machine.map[i].end;
    machine.physical_bits = cpuid(0x80000000, 0).eax >= 0x80000008 ? cpuid(0x80000008, 0).eax & 0xff : 36;
}

static void hide(hpa_t start, hpa_t end, const char *what)
{
    machine.hidden[machine.hidden_count++] = (struct memory_range){start, end, MEMORY_RESERVED};
    printk("engram: %s at 0x%lx-0x%lx (%lu MiB), absent from the guest's map\n", what, (unsigned long)start,
           (unsigned long)end - 1, (unsigned long)((end - start) >> 20));
}

static void move_to_top(void)
{
    static struct place place;
    place_hypervisor(&place, &machine, &boot);
    place_move(&place, align_up(machine.ram_end > GIB(4) ? machine.ram_end : GIB(4), HUGE_PAGE_SIZE));
    memory_init(&place);
    interrupts_init();
    hide(place.image, place.end, "hypervisor");
}

/* CPUID's word is not enough where the CPU's code at CPL 0 is emulated. */
static void look_at_pace(void)
{
    if (!pace_is_emulated())
        return;
    crc32c_avoid_instruction();
    printk("engram: CPL 0 is emulated here, an instruction in %lu ns: what the guest asks of Engram takes "
           "long\n",
           (unsigned long)(pace_ticks() * 1000000000ull / clock_hz()));
}

static uint64_t read_tsc(void)
{
    return rdtsc();
}

static const char *const ring_titles[] = {
    [RING_WRAP] = "ring (wrap)", [RING_STOP] = "ring (stop)", [RING_DRAIN] = "ring (drain)"};

static void set_up_ring(void)
{
    const struct hook_clock clock = {.tsc = read_tsc, .has_icount = engine->raw};
    const bool drain = options.ring_mode == RING_DRAIN;
    if (drain && uart_port() == 0)
        panic("ring-mode=drain: there is no serial line to send the ring on; use ring-mode=wrap or stop");
    machine.ring_bytes = options.ring_bytes;
    machine.ring_segment_bytes =
        engine->raw && !drain ? ring_raw_segment_bytes(options.ring_bytes) : RING_SEGMENT_BYTES;
    hpa_t at = place_ring(&machine, &boot, options.ring_bytes);
    hide(at, at + options.ring_bytes, ring_titles[options.ring_mode]);
    /* Under an emulator the TSC may be the same in every run: what was asked for tells them apart. */
    run_id = rdtsc() * 0x9e3779b97f4a7c15ull ^ crc32c(boot.command_line, strlen(boot.command_line));
    for (size_t i = 0; i < boot.module_count; i++)
        run_id = (run_id << 7 | run_id >> 57) ^ crc32c(boot.module[i].string, strlen(boot.module[i].string));
    ring_init(&ring, phys_to_virt(at), options.ring_bytes, machine.ring_segment_bytes, options.ring_mode,
              run_id);
    hook_init(&ring, &clock);
}

static void *write_physical(hpa_t start, size_t size)
{
    return (void *)read_physical(start, size);
}

static void hide_processors(void)
{
    uint32_t apic_id = cpuid(1, 0).ebx >> 24;
    struct processors p = processors_hide_others(&acpi, apic_id, read_physical, write_physical);
    if (p.others)
        printk("engram: %u other processors %s\n", p.others,
               p.hidden ? "hidden from the guest"
                        : "cannot be hidden from the guest, as firmware tables are write-protected");
}

static void set_up_engine_memory(void)
{
    uint64_t bytes = engine->memory ? engine->memory(&machine) : 0;
    if (bytes == 0)
        return;
    hpa_t at = place_engine(&machine, &boot, bytes);
    machine.engine_memory = (struct memory_range){at, at + bytes, MEMORY_RESERVED};
    hide(at, at + bytes, "engine");
}

static void set_up_proof(void)
{
    const uint64_t bytes = prove_memory_bytes(&machine, &options);
    hpa_t at;
    if (bytes == 0)
        return;
    if (place_proof(&machine, &boot, bytes, &at)) {
        hide(at, at + bytes, "copy of memory for the proof");
        prove_init(&machine, at, true);
        return;
    }
    const uint64_t less = prove_digest_bytes(&machine);
    at = place_engine(&machine, &boot, less);
    hide(at, at + less, "digests of memory for the proof");
    prove_init(&machine, at, false);
}

/* The built-in guest lies in the hypervisor, which an engine cannot reach. */
static void copy_physical(gpa_t to, gpa_t from, uint64_t bytes, uint64_t total)
{
    if (engine->copy && !machine_is_hidden(&machine, from, from + bytes)) {
        engine->copy(to, from, bytes, total);
        return;
    }
    memmove(phys_to_virt(to), phys_to_virt(from), bytes);
    memset((uint8_t *)phys_to_virt(to) + bytes, 0, total - bytes);
}

static void run_guest(void)
{
    struct vm_exit e;
    console_release();
    while (!control_ended()) {
        engine->run(&vcpu, &e);
        handle_exit(engine, &vcpu, &e);
    }
    console_reclaim();
}

static const char *ring_mode_name(void)
{
    static const char *const names[] = {[RING_WRAP] = "wrap", [RING_STOP] = "stop", [RING_DRAIN] = "drain"};
    return options.drain_loses ? "drain,lose" : names[options.ring_mode];
}

static void set_up_delivery(void)
{
    static struct meta_source source;
    source = (struct meta_source){.engine = engine,
                                  .engine_reason = engine_reason,
                                  .guest = guest_title(),
                                  .command_line = boot.command_line,
                                  .ring = &ring,
                                  .ring_mode = ring_mode_name(),
                                  .ring_bytes = options.ring_bytes,
                                  .run_id = run_id,
                                  .record = options.record};
    deliver_init(&ring, &source, &options);
}

static void report(void)
{
    printk("engram: %lu events recorded, %lu lost\n", (unsigned long)hook_events(),
           (unsigned long)hook_lost());
    prove_report();
}

/* After an error of Engram itself while the guest ran: what was recorded up to there is not thrown away. */
static void save_trace(const char *error)
{
    if (deliver_begun())
        return;
    control_abort(error);
    report();
    deliver_trace();
}

_Noreturn void main(uint32_t magic, uint32_t info)
{
    read_boot_information(magic, info); /* command line, memory map, modules */
    describe_machine();
    move_to_top(); /* low memory is the guest's */
    clock_init();
    look_at_pace();
    if (options.dump_previous) {
        previous_deliver(&machine, &options); /* instead of a run: what one before has left in memory */
        finish_run();
    }
    previous_forget(&machine);
    engine = select_engine(&options, engine_reason, sizeof engine_reason);
    set_up_ring();
    place_modules(&machine, &boot);
    finish_stops(engine);
    set_up_engine_memory();
    set_up_proof();
    hide_processors();
    guest_plan(&boot, &acpi, options.guest_args, &machine, &vcpu); /* a module, or the built-in benchmark */
    engine->init(&machine, &vcpu);
    place_copy_modules(copy_physical);
    guest_load(copy_physical);
    ports_init(engine, &acpi);
    set_up_delivery();
    monitor_init(engine, &machine, &ring);
    hypercall_init(&options);
    control_init(engine, &options);
    panic_last_act(save_trace); /* from here on there is something to lose */
    printk("engram: starting guest %s\n", guest_title());
    run_guest();
    engine->save_state(&vcpu);
    printk("\nengram: %s\n", control_ended());
    print_registers(&vcpu);
    report();
    deliver_trace();
    finish_run();
}
