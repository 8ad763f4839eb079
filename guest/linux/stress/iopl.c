/* I/O privilege: a port by ioperm() and iopl(), and what they do not allow. */
#include "stress.h"

#include <setjmp.h>
#include <signal.h>
#include <sys/io.h>

static sigjmp_buf back;

static void on_fault(int number)
{
    siglongjmp(back, number);
}

#define TRY(what, code)                                                                                      \
    do {                                                                                                     \
        int caught = sigsetjmp(back, 1);                                                                     \
        if (caught == 0) {                                                                                   \
            code;                                                                                            \
            puts(what ": allowed");                                                                          \
        } else {                                                                                             \
            printf("%s: signal %d\n", what, caught);                                                         \
        }                                                                                                    \
    } while (0)

int main(void)
{
    signal(SIGSEGV, on_fault);
    TRY("OUT to 0x80", outb(0, 0x80));
    expect("ioperm", 0, ioperm(0x80, 1, 1));
    TRY("OUT to 0x80 with ioperm", outb(0, 0x80));
    TRY("OUT to 0x81 with ioperm for 0x80", outb(0, 0x81));
    TRY("OUT of 2 bytes to 0x80", outw(0, 0x80));
    expect("iopl", 0, iopl(3));
    TRY("OUT of 2 bytes with iopl", outw(0, 0x80));
    TRY("CLI with iopl", __asm__ volatile("cli"));
    unsigned long flags;
    __asm__ volatile("pushfq; pop %0" : "=r"(flags));
    expect("IF", 1, flags >> 9 & 1);
    expect("iopl", 0, iopl(0));
    expect("ioperm", 0, ioperm(0x80, 1, 0));
    TRY("OUT to 0x80 at the end", outb(0, 0x80));
    return stress_end();
}
