/* What the commands share. */
#include "command.h"
#include "color.h"
#include "reader/part.h"
#include "text.h"
#include "trace/access.h"
#include "trace/format.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void complain(const char *name, const char *format, va_list args)
{
    fprintf(stderr, "%sengram %s:%s ", color(stderr, COLOR_BAD), name, color(stderr, COLOR_END));
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
}

int usage_error(const char *name, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    complain(name, format, args);
    va_end(args);
    return EXIT_USAGE;
}

int input_error(const char *name, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    complain(name, format, args);
    va_end(args);
    return EXIT_FINDINGS;
}

/* From FILE.part, if it is about a file of this length. */
static void read_dump_facts(struct input *in)
{
    char *path;
    struct part part;
    if (asprintf(&path, "%s.part", in->path) < 0)
        return;
    if (part_load(path, &part) == PART_LOADED) {
        in->dump_known = part.dump.length == in->source.size;
        in->dump = part.dump;
        part_free(&part);
    }
    free(path);
}

bool input_open(struct input *in, const char *command, const char *path)
{
    *in = (struct input){.fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), .path = path};
    if (in->fd < 0) {
        input_error(command, "cannot open %s: %s", path, strerror(errno));
        return false;
    }
    if (!source_from_fd(&in->source, &in->fd)) {
        input_error(command, "%s is no regular file (%s); `engram recv` makes one from a stream", path,
                    strerror(errno));
        input_close(in);
        return false;
    }
    read_dump_facts(in);
    return true;
}

const struct dump_facts *input_dump(const struct input *in)
{
    return in->dump_known ? &in->dump : NULL;
}

void input_close(struct input *in)
{
    close(in->fd);
    in->fd = -1;
}

void print_finding(const char *path, uint64_t offset, const char *what)
{
    fprintf(stderr, "%s: %sat byte %" PRIu64 ":%s %s\n", path, color(stderr, COLOR_BAD), offset,
            color(stderr, COLOR_END), what);
}

const char *cause_name(uint8_t cause)
{
    static const char *const name[8] = {
        [CAUSE_INSTRUCTION] = "instruction",
        [CAUSE_EXCEPTION] = "exception",
        [CAUSE_INTERRUPT] = "interrupt",
        [CAUSE_PAGE_WALK] = "page-walk",
        [CAUSE_DESCRIPTOR] = "descriptor",
        [CAUSE_TASK_SWITCH] = "task-switch",
        [6] = "cause-6",
        [7] = "cause-7",
    };
    return name[cause & 7];
}

const char *mode_name(uint8_t context)
{
    static const char *const name[4] = {
        [MODE_REAL] = "real", [MODE_PROT16] = "16-bit", [MODE_PROT32] = "32-bit", [MODE_LONG64] = "64-bit"};
    return name[(context >> CONTEXT_MODE_SHIFT) & 3];
}

int finish_output(const char *command, int code)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return code;
    return errno == EPIPE ? code
                          : input_error(command, "cannot write to standard output: %s", strerror(errno));
}

int take_json_and_file(int argc, char **argv, const char *help, bool *json)
{
    static const struct option long_options[] = {
        {"json", no_argument, NULL, 'j'}, {"help", no_argument, NULL, 'h'}, {0}};
    const char *command = argv[0];
    int option;
    *json = false;
    while ((option = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
        if (option == 'h') {
            fputs(help, stdout);
            return finish_output(command, EXIT_FINE);
        }
        if (option != 'j')
            return usage_error(command, "see `engram %s --help`", command);
        *json = true;
    }
    if (optind + 1 != argc)
        return usage_error(command, "give one trace file; see `engram %s --help`", command);
    return -1;
}
