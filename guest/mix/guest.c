/* The mix as a Multiboot kernel: command line, serial line. */
#include "mix.h"

#define BOOT_MAGIC 0x2badb002u
#define HAS_COMMAND_LINE 4u
#define COM1 0x3f8u
#define LINE_STATUS (COM1 + 5)
#define TRANSMITTER_EMPTY 0x20u

/* Of the information structure (Multiboot Specification 0.6.96, 3.3). */
struct multiboot_info {
    uint32_t flags, memory_lower, memory_upper, boot_device, command_line;
};

void guest_main(uint32_t magic, uint32_t info);

static void out(uint16_t port, uint8_t value)
{
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static uint8_t in(uint16_t port)
{
    uint8_t value;
    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static void put(const char *text)
{
    for (; *text; text++) {
        while (!(in(LINE_STATUS)&TRANSMITTER_EMPTY))
            ;
        out(COM1, (uint8_t)*text);
    }
}

void guest_main(uint32_t magic, uint32_t info)
{
    const struct multiboot_info *m = (const struct multiboot_info *)(uintptr_t)info;
    bool given = magic == BOOT_MAGIC && (m->flags & HAS_COMMAND_LINE);
    mix_run(given ? (const char *)(uintptr_t)m->command_line : "", put);
}
