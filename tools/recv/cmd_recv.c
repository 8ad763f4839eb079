/* engram recv and engram console: the loop between a line, the receiver, the file and a keyboard. */
#include "command.h"
#include "progress.h"
#include "recv/dump_store.h"
#include "recv/keyboard.h"
#include "recv/line.h"
#include "recv/receiver.h"
#include "recv/recv_report.h"
#include "text.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define TICK_MS 20
#define MAP_MS 1000            /* how often FILE.part is brought up to date */
#define LINGER_MS 2500         /* after DONE: Engram repeats END every second until it has heard it */
#define NO_PROGRESS_MS 60000   /* answers keep coming, data do not */
#define STALL_MS_DEFAULT 30000 /* silence in the middle of a dump */
#define PATIENCE_MS 10000      /* for a socket that nobody listens on yet */

static const char help[] =
    "usage: engram recv [OPTION]... [SOURCE]\n"
    "Receives a dump and writes it to a file; the guest console's text goes to standard output.\n"
    "SOURCE is a serial device, tcp:HOST:PORT, unix:PATH, a file with what came over a line, or - (the "
    "default) for\n"
    "standard input. On a two-way line (device, socket) damaged and lost parts are asked for again until the "
    "file is\n"
    "whole. On a one-way line what arrived is written with holes of zeros, and which events are missing is "
    "told exactly,\n"
    "also by `engram info`, `print` and `verify` as long as FILE.part lies beside FILE.\n"
    "A dump that broke off is kept as FILE with its map FILE.part: start the same command again and only the "
    "rest is\n"
    "asked for, if Engram still offers the same run.\n\n"
    "  -o, --output FILE   where to write (trace.egrm); an older complete FILE is replaced when a dump "
    "begins\n"
    "  --console FILE      console text goes there instead of standard output\n"
    "  --baud N            speed of a serial device (115200)\n"
    "  --timeout SECONDS   end with what is there after so long without a byte (30 within a dump, else for "
    "ever)\n"
    "  --follow            read a file on after its end until the dump has ended, as tail -f does\n"
    "  --one-way           ask for nothing, on any line\n"
    "  --max-size SIZE     refuse a longer dump (1T)\n"
    "  --quiet             no progress\n\n"
    "examples:\n"
    "  engram recv -o run.egrm /dev/ttyUSB0\n"
    "  engram recv -o run.egrm --baud 921600 --console boot.log /dev/ttyS0\n"
    "  qemu-system-x86_64 … -serial unix:com1,server=on &  engram recv -o run.egrm unix:com1\n"
    "  engram recv -o run.egrm capture.bin\n"
    "Exit code: 0 the dump is whole; 1 it is not, or none came; 2 wrong usage.\n";

static const char console_help[] =
    "usage: engram console [OPTION]... SOURCE\n"
    "The guest's console, Engram's monitor and the dump over one line. What is typed goes to the guest; "
    "Ctrl-]\n"
    "turns to the monitor and back (help lists its commands; docs/monitor.md). The dump, also one that is "
    "sent\n"
    "while the guest runs, goes to a file as with `engram recv`. Ctrl-\\ ends the command, and so does the "
    "dump.\n"
    "SOURCE is a serial device, tcp:HOST:PORT or unix:PATH.\n\n"
    "  -o, --output FILE   where the dump goes (trace.egrm)\n"
    "  --baud N            speed of a serial device (115200)\n"
    "  --max-size SIZE     refuse a longer dump (1T)\n"
    "  --quiet             no progress\n\n"
    "examples:\n"
    "  engram console -o run.egrm /dev/ttyUSB0\n"
    "  engram console -o run.egrm unix:com1\n"
    "Exit code: 0 a dump came and is whole, or none had begun; 1 it is not whole; 2 wrong usage.\n";

struct recv {
    const char *name; /* of the command */
    const char *source, *output, *console_path;
    unsigned baud;
    uint64_t timeout_ms; /* 0: not given */
    uint64_t max_bytes;
    bool follow, one_way, quiet;
    FILE *console;
    bool console_mid_line;
    struct line line;
    bool has_keyboard;
    struct keyboard keyboard;
    struct dump_store store;
    struct receiver receiver;
    struct progress progress;
    bool progress_started;
    uint64_t map_saved_at, done_at;
};

static volatile sig_atomic_t interrupted;
static void on_signal(int signal_number)
{
    (void)signal_number;
    interrupted = 1;
}

/* ---- what the receiver asks of us ------------------------------------------- */

static bool on_start(void *ctx, const struct dump_facts *dump, struct ranges *have)
{
    struct recv *v = ctx;
    if (!dump_store_start(&v->store, dump, have))
        return false;
    progress_clear(&v->progress);
    if (v->store.note[0])
        fprintf(stderr, "engram recv: %s\n", v->store.note);
    if (v->store.resumed)
        fprintf(stderr, "engram recv: resuming run %016" PRIx64 ": %s%s%s are there\n", dump->run,
                byte_size(v->store.resumed), dump->front ? "" : " of ",
                dump->front ? "" : byte_size(dump->length));
    progress_start(&v->progress, "recv", have->total, now_in_ms());
    v->progress_started = true;
    return true;
}

static bool on_write(void *ctx, uint64_t offset, const uint8_t *bytes, size_t n)
{
    struct recv *v = ctx;
    return dump_store_write(&v->store, offset, bytes, n);
}

static int64_t on_read(void *ctx, uint64_t offset, void *to, size_t n)
{
    struct recv *v = ctx;
    return dump_store_read(&v->store, offset, to, n);
}

static void on_text(void *ctx, const uint8_t *bytes, size_t n)
{
    struct recv *v = ctx;
    if (n == 0)
        return;
    progress_clear(&v->progress);
    fwrite(bytes, 1, n, v->console);
    v->console_mid_line = bytes[n - 1] != '\n';
}

static void on_send(void *ctx, const uint8_t *bytes, size_t n)
{
    struct recv *v = ctx;
    line_write(&v->line, bytes, n);
}

/* ---- the loop --------------------------------------------------------------- */

static void show_progress(struct recv *v, uint64_t now)
{
    const struct receiver *r = &v->receiver;
    /* How long a file will be that grows nobody knows. */
    if (v->quiet || !v->progress_started || !r->known || r->dump.front || v->done_at)
        return;
    if (v->progress.terminal && v->console_mid_line && v->console == stdout && isatty(STDOUT_FILENO)) {
        fflush(stdout);
        fputc('\n', stderr);
        v->console_mid_line = false;
    }
    progress_show(&v->progress, r->have.total, r->dump.length, r->requests != 0, now);
}

static bool is_one_way(const struct recv *v)
{
    return v->receiver.io.send == NULL;
}

/* The line itself goes on: is there any more to wait for? */
static bool is_over(struct recv *v, uint64_t now)
{
    const struct receiver *r = &v->receiver;
    uint64_t silence = now - r->last_byte;
    if (r->state == RECEIVER_FAILED)
        return true;
    if (receiver_is_over(r)) {
        if (!v->done_at)
            v->done_at = now;
        if (v->line.is_file && !v->follow)
            return false; /* up to its end, for the console's text */
        return is_one_way(v) || (now - v->done_at >= LINGER_MS && now - r->last_end >= LINGER_MS);
    }
    if (r->state == RECEIVER_WAITING)
        return v->timeout_ms && silence >= v->timeout_ms;
    if (is_one_way(v) && r->ends_since_data >= 2 && (!v->line.is_file || v->follow))
        return true; /* everything was sent once, and END came again */
    uint64_t last_gain = r->last_data > r->last_end && r->ends_since_data ? r->last_end : r->last_data;
    if (!is_one_way(v) && r->end_seen && last_gain && now - last_gain >= NO_PROGRESS_MS)
        return true;
    if (r->dump.front) /* the run goes on: as long as it likes */
        return v->timeout_ms && silence >= v->timeout_ms;
    return silence >= (v->timeout_ms ? v->timeout_ms : STALL_MS_DEFAULT);
}

/* At a file's end: go on when it grows, up to END. */
static bool ends_here(const struct recv *v)
{
    return !v->line.is_file || !v->follow || receiver_is_over(&v->receiver) || v->receiver.ends_since_data;
}

static void pause_ms(unsigned ms)
{
    struct timespec t = {.tv_nsec = (long)ms * 1000000};
    nanosleep(&t, NULL);
}

/* False when reading failed. */
static bool receive(struct recv *v)
{
    static uint8_t bytes[65536];
    struct receiver *r = &v->receiver;
    r->last_byte = now_in_ms();
    while (!interrupted) {
        ssize_t n = line_read(&v->line, bytes, sizeof(bytes), TICK_MS);
        uint64_t now = now_in_ms();
        if (n == -2)
            return input_error("recv", "%s: %s", v->source, v->line.error), false;
        if (n == -1 && ends_here(v))
            break;
        if (n == -1)
            pause_ms(TICK_MS);
        if (n > 0)
            receiver_feed(r, bytes, (size_t)n, now);
        receiver_tick(r, now);
        fflush(v->console);
        show_progress(v, now);
        if (v->has_keyboard && !keyboard_send(&v->keyboard, &v->line))
            interrupted = 1;
        if (now - v->map_saved_at >= MAP_MS && r->state == RECEIVER_RECEIVING && r->known) {
            v->map_saved_at = now;
            if (!dump_store_save_map(&v->store, &r->dump, &r->have))
                return false;
        }
        if (is_over(v, now))
            break;
    }
    receiver_finish(r);
    return true;
}

/* ---- the end ---------------------------------------------------------------- */

static int conclude(struct recv *v, bool line_sound)
{
    struct receiver *r = &v->receiver;
    progress_clear(&v->progress);
    fflush(v->console);
    if (v->store.error[0])
        return input_error("recv", "%s", v->store.error);
    if (r->state == RECEIVER_COMPLETE) {
        dump_store_complete(&v->store);
        recv_report_complete(r, v->output);
        return line_sound ? EXIT_FINE : EXIT_FINDINGS;
    }
    if (r->state == RECEIVER_FAILED)
        return input_error("recv", "%s: %s", v->source, r->error);
    if (r->state == RECEIVER_WAITING && v->has_keyboard && interrupted)
        return EXIT_FINE; /* who sat at the console has left */
    if (r->state == RECEIVER_WAITING)
        return recv_report_nothing(r, v->source, interrupted);
    if (!dump_store_save_map(&v->store, &r->dump, &r->have))
        input_error("recv", "%s", v->store.error);
    recv_report_incomplete(r, v->output, v->store.fd, !is_one_way(v) && r->state != RECEIVER_EXHAUSTED);
    return EXIT_FINDINGS;
}

static int run(struct recv *v)
{
    const struct receiver_io io = {.ctx = v,
                                   .start = on_start,
                                   .write_at = on_write,
                                   .read_at = on_read,
                                   .text = on_text,
                                   .send = v->line.two_way && !v->one_way ? on_send : NULL,
                                   .stored = v->line.is_file};
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    if (!dump_store_init(&v->store, v->output))
        return input_error("recv", "out of memory");
    receiver_init(&v->receiver, &io, v->max_bytes);
    if (v->has_keyboard)
        keyboard_open(&v->keyboard);
    bool line_sound = receive(v);
    keyboard_close(&v->keyboard);
    int code = conclude(v, line_sound);
    receiver_free(&v->receiver);
    dump_store_free(&v->store);
    return code;
}

/* ---- options ---------------------------------------------------------------- */

enum { OPT_CONSOLE = 256, OPT_BAUD, OPT_TIMEOUT, OPT_FOLLOW, OPT_ONE_WAY, OPT_MAX_SIZE, OPT_QUIET };

static const struct option long_options[] = {
    {"output", required_argument, NULL, 'o'},
    {"console", required_argument, NULL, OPT_CONSOLE},
    {"baud", required_argument, NULL, OPT_BAUD},
    {"timeout", required_argument, NULL, OPT_TIMEOUT},
    {"follow", no_argument, NULL, OPT_FOLLOW},
    {"one-way", no_argument, NULL, OPT_ONE_WAY},
    {"max-size", required_argument, NULL, OPT_MAX_SIZE},
    {"quiet", no_argument, NULL, OPT_QUIET},
    {"help", no_argument, NULL, 'h'},
    {0},
};

static bool take_option(struct recv *v, int option, const char *value)
{
    uint64_t n;
    switch (option) {
    case 'o':
        v->output = value;
        return *value != 0;
    case OPT_CONSOLE:
        v->console_path = value;
        return *value != 0;
    case OPT_BAUD:
        if (!parse_number(value, &n) || n > UINT32_MAX || !baud_is_known((unsigned)n))
            return false;
        v->baud = (unsigned)n;
        return true;
    case OPT_TIMEOUT:
        if (!parse_number(value, &n) || n == 0 || n > UINT32_MAX)
            return false;
        v->timeout_ms = n * 1000;
        return true;
    case OPT_MAX_SIZE:
        return parse_size(value, &v->max_bytes) && v->max_bytes <= INT64_MAX;
    case OPT_FOLLOW:
        return v->follow = true;
    case OPT_ONE_WAY:
        return v->one_way = true;
    default:
        return v->quiet = true;
    }
}

/* False: *code is the command's. */
static bool take_arguments(struct recv *v, int argc, char **argv, int *code)
{
    int option;
    while ((option = getopt_long(argc, argv, "ho:", long_options, NULL)) != -1) {
        if (option == 'h') {
            fputs(v->has_keyboard ? console_help : help, stdout);
            *code = finish_output(v->name, EXIT_FINE);
            return false;
        }
        if (option == '?') {
            *code = usage_error(v->name, "see `engram %s --help`", v->name);
            return false;
        }
        if (!take_option(v, option, optarg)) {
            *code = usage_error(v->name, "'%s' is no value for that option; see `engram %s --help`", optarg,
                                v->name);
            return false;
        }
    }
    if (argc - optind > 1 || (v->has_keyboard && optind == argc)) {
        *code = usage_error(v->name, "give one source; see `engram %s --help`", v->name);
        return false;
    }
    if (optind < argc)
        v->source = argv[optind];
    return true;
}

static int open_and_run(struct recv *v)
{
    int code;
    if (!line_open(&v->line, v->source, v->baud, PATIENCE_MS))
        return input_error(v->name, "%s", v->line.error);
    if (v->has_keyboard && !v->line.two_way)
        code =
            input_error(v->name, "%s: nothing can be typed there; a device or a socket is needed", v->source);
    else
        code = run(v);
    line_close(&v->line);
    return code;
}

static int receive_command(struct recv *v, int argc, char **argv)
{
    int code;
    if (!take_arguments(v, argc, argv, &code))
        return code;
    v->console = v->console_path ? fopen(v->console_path, "we") : stdout;
    if (!v->console)
        return input_error(v->name, "cannot write %s: %s", v->console_path, strerror(errno));
    code = open_and_run(v);
    if (v->console != stdout && fclose(v->console) != 0)
        code = input_error(v->name, "cannot write %s: %s", v->console_path, strerror(errno));
    return finish_output(v->name, code);
}

int cmd_recv(int argc, char **argv)
{
    struct recv v = {
        .name = "recv", .source = "-", .output = "trace.egrm", .baud = 115200, .max_bytes = 1ull << 40};
    return receive_command(&v, argc, argv);
}

int cmd_console(int argc, char **argv)
{
    struct recv v = {.name = "console",
                     .has_keyboard = true,
                     .output = "trace.egrm",
                     .baud = 115200,
                     .max_bytes = 1ull << 40};
    return receive_command(&v, argc, argv);
}
