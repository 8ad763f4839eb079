/*
 * engramctl: tells Engram, from a program of its Linux guest, what to record.
 *
 *     engramctl start | stop | status
 *     engramctl mark TEXT
 *     engramctl run [--] COMMAND [ARGUMENT]...
 *
 * `run` records COMMAND and its children, and nothing else. It follows them with
 * ptrace(2) and has each new process add itself: a VMCALL is put where the process
 * stands, executed, and taken out again.
 *
 * No libc: it runs in any guest with a Linux kernel for x86-64.
 */
#include "engramctl.h"

#include "hypercall_numbers.h"

/* ---- hypercalls ---- */

struct answer {
    uint32_t result, ebx, ecx, edx;
};

static struct answer hypercall(uint32_t function, uint64_t rdx, const void *rsi)
{
    struct answer a;
    __asm__ volatile("vmcall"
                     : "=a"(a.result), "=b"(a.ebx), "=c"(a.ecx), "=d"(a.edx)
                     : "a"(HYPERCALL_MAGIC), "c"(function), "d"(rdx), "S"(rsi)
                     : "memory");
    return a;
}

/* Where there is no Engram VMCALL is #UD, or another hypervisor's, which answers in its own way: a child
 * tries. */
static int is_under_engram(void)
{
    int status = 0, child = sys_fork();
    if (child == 0) {
        struct answer a = hypercall(HYPERCALL_QUERY, 0, NULL);
        sys_exit(a.result == HYPERCALL_DONE && (a.ebx & HYPERCALL_VERSION_MASK) == HYPERCALL_VERSION ? 0 : 1);
    }
    return child > 0 && sys_wait(child, &status, 0) == child && status == 0;
}

static int fail(const char *what)
{
    put("engramctl: ");
    put(what);
    put("\n");
    return 1;
}

static int report(uint32_t result)
{
    static const char *const why[] = {
        [HYPERCALL_UNKNOWN] = "Engram does not know this call",
        [HYPERCALL_BAD_ADDRESS] = "Engram could not read the text",
        [HYPERCALL_BAD_ARGUMENT] = "Engram refuses the argument: a text has at most 1024 bytes",
        [HYPERCALL_FULL] = "Engram has no room for another process",
        [HYPERCALL_NOT_RECORDING] = "nothing is recorded now, so there is nowhere to put the mark",
    };
    if (result == HYPERCALL_DONE)
        return 0;
    return fail(result < sizeof why / sizeof why[0] ? why[result] : "Engram refuses");
}

static int status(void)
{
    struct answer a = hypercall(HYPERCALL_QUERY, 0, NULL);
    put(a.ebx & HYPERCALL_IS_RECORDING ? "recording " : "paused, records ");
    put(a.ebx & HYPERCALL_READS ? "reads" : "");
    put((a.ebx & HYPERCALL_READS) && (a.ebx & HYPERCALL_WRITES) ? " and " : "");
    put(a.ebx & HYPERCALL_WRITES ? "writes" : "");
    put(a.ebx & HYPERCALL_PROCESSES ? " of chosen processes, " : ", ");
    put_number((uint64_t)a.edx << 32 | a.ecx);
    put(" so far\n");
    return 0;
}

static int mark(const char *text)
{
    return report(hypercall(HYPERCALL_MARK, length_of(text), text).result);
}

/* ---- run: the processes that are followed ---- */

#define PROCESSES 256

static struct process {
    int pid;      /* 0: a free place */
    uint64_t cr3; /* 0: not added yet */
} processes[PROCESSES];

/* With page-table isolation a process has two top tables, next to each other: the program's has bit 12 set.
 */
#define OTHER_TABLE 0x1000u
static int has_two_tables;

static struct process *find(int pid)
{
    for (int i = 0; i < PROCESSES; i++)
        if (processes[i].pid == pid)
            return &processes[i];
    return NULL;
}

static struct process *find_or_add(int pid)
{
    struct process *p = find(pid);
    if (!p && (p = find(0)))
        *p = (struct process){.pid = pid};
    return p;
}

/* Its tables may be another's soon. */
static void forget_tables(struct process *p)
{
    uint64_t cr3 = p->cr3;
    p->cr3 = 0;
    for (int i = 0; i < PROCESSES; i++)
        if (processes[i].pid && processes[i].cr3 == cr3)
            return; /* a thread of the same process */
    if (!cr3)
        return;
    hypercall(HYPERCALL_REMOVE_PROCESS, cr3, NULL);
    if (has_two_tables)
        hypercall(HYPERCALL_REMOVE_PROCESS, cr3 ^ OTHER_TABLE, NULL);
}

/* A signal that arrives meanwhile is delivered afterwards; one that the call itself brings about is its
 * failure. */
static int wait_for_trap(int pid, int *signal)
{
    int state;
    for (;;) {
        if (sys_wait(pid, &state, WAIT_ALL) != pid || !is_stopped(state))
            return 0;
        if (stop_signal(state) == SIGNAL_TRAP)
            return 1;
        if (stop_signal(state) == SIGNAL_ILL || stop_signal(state) == SIGNAL_SEGV)
            return 0;
        *signal = stop_signal(state);
        sys_ptrace(PTRACE_CONT, pid, 0, 0);
    }
}

/* MOV EAX, HYPERCALL_MAGIC; VMCALL; INT3: put where the stopped process goes on. EAX is set there, as behind
 * the stop in an execve() the kernel still puts its result into the register. */
#define CALL_WORDS 2
static const uint64_t call_code[CALL_WORDS] = {0xc1010f00000000b8ull | (uint64_t)HYPERCALL_MAGIC << 8, 0xcc};

static int exchange_code(int pid, uint64_t at, const uint64_t *code)
{
    int ok = 1;
    for (unsigned i = 0; i < CALL_WORDS; i++)
        ok = ok && sys_ptrace(PTRACE_POKETEXT, pid, at + 8 * i, (void *)code[i]) >= 0;
    return ok;
}

static int call_in(int pid, uint32_t function, uint64_t rdx, struct registers *result, int *signal)
{
    struct registers before, r;
    uint64_t code[CALL_WORDS];
    if (sys_ptrace(PTRACE_GETREGS, pid, 0, &before) < 0)
        return 0;
    for (unsigned i = 0; i < CALL_WORDS; i++)
        if (sys_ptrace(PTRACE_PEEKTEXT, pid, before.rip + 8 * i, &code[i]) < 0)
            return 0;
    r = before;
    r.rcx = function;
    r.rdx = rdx;
    r.orig_rax = ~0ull; /* no system call to begin again */
    int ok = exchange_code(pid, before.rip, call_code) && sys_ptrace(PTRACE_SETREGS, pid, 0, &r) >= 0 &&
             sys_ptrace(PTRACE_CONT, pid, 0, 0) >= 0 && wait_for_trap(pid, signal) &&
             sys_ptrace(PTRACE_GETREGS, pid, 0, result) >= 0;
    exchange_code(pid, before.rip, code);
    sys_ptrace(PTRACE_SETREGS, pid, 0, &before);
    return ok && (uint32_t)result->rax == HYPERCALL_DONE;
}

static void add_process(int pid, int *signal)
{
    struct process *p = find_or_add(pid);
    struct registers r;
    if (!p || !call_in(pid, HYPERCALL_ADD_PROCESS, 0, &r, signal)) {
        fail("a process could not be added: it is not recorded");
        return;
    }
    p->cr3 = ((r.rdx & 0xffffffff) << 32 | (r.rbx & 0xffffffff)) & ~0xfffull;
    if (has_two_tables)
        call_in(pid, HYPERCALL_ADD_PROCESS, OTHER_TABLE, &r, signal);
    hypercall(HYPERCALL_START, 0, NULL);
}

/* What a stop is about; returns the signal that the process is to get. */
static int handle_stop(int pid, int state)
{
    struct process *p = find(pid);
    int signal = stop_signal(state), event = stop_event(state);
    if (event == PTRACE_EVENT_EXIT) {
        if (p)
            forget_tables(p);
        return 0;
    }
    if (event == PTRACE_EVENT_EXEC) {
        if (p)
            forget_tables(p);
        signal = 0;
        add_process(pid, &signal);
        return signal;
    }
    if (event) /* a fork, told by the parent: the child stops itself */
        return 0;
    if (p || signal != SIGNAL_STOP)
        return signal;
    signal = 0;
    if (is_first_thread(pid))
        add_process(pid, &signal);
    else
        find_or_add(pid); /* its process is recorded already */
    return signal;
}

/* Until the command itself is over, and its children. */
static int follow(int command)
{
    int state, code = 1, pid;
    while ((pid = sys_wait(-1, &state, WAIT_ALL)) > 0) {
        if (is_stopped(state)) {
            int signal = handle_stop(pid, state);
            sys_ptrace(PTRACE_CONT, pid, 0, (void *)(uint64_t)signal);
            continue;
        }
        struct process *p = find(pid);
        if (p)
            p->pid = 0;
        if (pid == command)
            code = exit_code(state);
    }
    return code;
}

static int page_tables_are_isolated(void)
{
    char text[64];
    int file = sys_open("/sys/devices/system/cpu/vulnerabilities/meltdown"), n = 0;
    if (file >= 0) {
        n = sys_read(file, text, sizeof text - 1);
        sys_close(file);
    }
    text[n > 0 ? n : 0] = 0;
    return begins_with(text, "Mitigation: PTI");
}

static int run(char **command, char **environment)
{
    int state, child = sys_fork();
    if (child == 0) {
        sys_ptrace(PTRACE_TRACEME, 0, 0, 0);
        sys_raise(SIGNAL_STOP);
        execute(command, environment);
        fail("the command cannot be executed");
        sys_exit(127);
    }
    has_two_tables = page_tables_are_isolated();
    if (child < 0 || sys_wait(child, &state, WAIT_ALL) != child || !is_stopped(state))
        return fail("no process for the command");
    sys_ptrace(PTRACE_SETOPTIONS, child, 0, (void *)PTRACE_OPTIONS);
    find_or_add(child); /* recorded from its execve() on */
    struct answer before = hypercall(HYPERCALL_QUERY, 0, NULL);
    sys_ptrace(PTRACE_CONT, child, 0, 0);
    int code = follow(child);
    if (!(before.ebx & HYPERCALL_IS_RECORDING))
        hypercall(HYPERCALL_STOP, 0, NULL);
    hypercall(HYPERCALL_ALL_PROCESSES, 0, NULL);
    return code;
}

/* ---- the command line ---- */

static int usage(void)
{
    put("usage: engramctl start | stop | status | mark TEXT | run [--] COMMAND [ARGUMENT]...\n");
    return 2;
}

/* At the entry RSP points to argc, the arguments and the environment (System V ABI, 3.4.1). */
__asm__(".globl _start\n"
        "_start:\n"
        "xor %ebp, %ebp\n"
        "mov (%rsp), %edi\n"
        "lea 8(%rsp), %rsi\n"
        "lea 8(%rsi,%rdi,8), %rdx\n"
        "and $-16, %rsp\n"
        "call engramctl\n"
        "mov %eax, %edi\n"
        "mov $231, %eax\n"
        "syscall\n");

int engramctl(int argc, char **argv, char **environment)
{
    const char *what = argc > 1 ? argv[1] : "";
    int is_run = equal(what, "run"), at = argc > 2 && equal(argv[2], "--") ? 3 : 2;
    int known = equal(what, "start") || equal(what, "stop") || equal(what, "status");
    if (!(known && argc == 2) && !(equal(what, "mark") && argc == 3) && !(is_run && argc > at))
        return usage();
    if (!is_under_engram())
        return fail("this is not Engram's guest, or it hears no hypercalls (hypercalls=): nothing was done");
    if (is_run)
        return run(argv + at, environment);
    if (equal(what, "mark"))
        return mark(argv[2]);
    if (equal(what, "status"))
        return status();
    return report(hypercall(equal(what, "start") ? HYPERCALL_START : HYPERCALL_STOP, 0, NULL).result);
}
