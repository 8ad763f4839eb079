/* The vsyscall page: time() there is a page fault that the kernel emulates; to read it is one that kills. */
#include "stress.h"

#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#define VSYSCALL_TIME 0xffffffffff600400ul

static sigjmp_buf back;

static void on_fault(int number)
{
    siglongjmp(back, number);
}

int main(void)
{
    uintptr_t address = VSYSCALL_TIME;
    time_t (*vsyscall_time)(time_t *);
    memcpy(&vsyscall_time, &address, sizeof vsyscall_time);
    signal(SIGSEGV, on_fault);
    if (sigsetjmp(back, 1)) {
        puts("no vsyscalls here");
        return 0;
    }
    time_t before = time(NULL), now = 0, returned = vsyscall_time(&now), after = time(NULL);
    expect("the time, in between", 1, before <= now && now <= after && returned == now);
    if (sigsetjmp(back, 1) == 0)
        printf("its first byte: %d\n", *(volatile char *)address);
    else
        puts("its first byte: SIGSEGV");
    return stress_end();
}
