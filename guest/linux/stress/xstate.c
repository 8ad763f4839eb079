/* The x87 stack, MXCSR and the vector registers across signals, whose handlers spoil them, and across other
 * processes. */
#include "stress.h"

#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile int signals;

static void spoil(void)
{
    static const uint8_t ones[16] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    __asm__ volatile("fninit; fldpi; fldpi; movdqu %0, %%xmm0; movdqu %0, %%xmm7; movdqu %0, %%xmm15"
                     :
                     : "m"(ones)
                     : "xmm0", "xmm7", "xmm15", "st", "st(1)");
}

static void on_signal(int number)
{
    (void)number;
    signals++;
    spoil();
}

/* Values that stay in registers while signals come; how many were found changed. */
static long hold(int turns)
{
    const uint64_t in[2] = {0x0123456789abcdef, 0xfedcba9876543210};
    uint64_t out0[2], out15[2], number = 0;
    long wrong = 0;
    for (int i = 0; i < turns; i++) {
        __asm__ volatile("fninit\n\t"
                         "fld1\n\t"
                         "fldln2\n\t"
                         "movdqu %3, %%xmm0\n\t"
                         "movdqu %3, %%xmm15\n\t"
                         "mov $20000, %%ecx\n"
                         "1: dec %%ecx\n\t"
                         "jnz 1b\n\t"
                         "movdqu %%xmm0, %0\n\t"
                         "movdqu %%xmm15, %1\n\t"
                         "fstp %%st\n\t"
                         "fistpll %2"
                         : "=m"(out0), "=m"(out15), "=m"(number)
                         : "m"(in)
                         : "ecx", "xmm0", "xmm15", "st", "st(1)");
        wrong += memcmp(in, out0, 16) != 0 || memcmp(in, out15, 16) != 0 || number != 1;
    }
    return wrong;
}

int main(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    struct itimerval every = {{0, 2000}, {0, 2000}};
    int turns = 0;
    long wrong = 0;
    sigaction(SIGALRM, &action, NULL);
    pid_t child = fork();
    if (child == 0)
        for (;;)
            spoil();
    setitimer(ITIMER_REAL, &every, NULL);
    while (signals < 100 && turns++ < 100000)
        wrong += hold(1);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    expect("enough signals", 1, signals >= 100);
    expect("registers changed", 0, wrong);
    return stress_end();
}
