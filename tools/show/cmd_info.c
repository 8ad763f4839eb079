/* engram info: what a trace holds. */
#include "command.h"
#include "show/info.h"
#include "text.h"

#include <string.h>
#include <unistd.h>

static const char help[] =
    "usage: engram info [--json] FILE\n"
    "Says where a trace comes from, what it holds (by kind, size, cause), which time and how many "
    "instructions it\n"
    "spans, what is missing, and Engram's counters with what one traced write cost.\n\n"
    "  --json     one JSON object\n\n"
    "FILE.part, which `engram recv` leaves beside a dump that is not whole, tells which events should be "
    "there.\n\n"
    "examples:\n"
    "  engram info trace.egrm\n"
    "  engram info --json trace.egrm | jq .accesses.w.count\n"
    "Exit code: 0 fine; 1 the file is damaged or incomplete (the counts are those of all that is sound); 2 "
    "wrong\n"
    "usage.\n";

static bool on_item(void *ctx, const struct trace_item *item)
{
    struct info *info = ctx;
    stats_add(&info->stats, item);
    return true;
}

static void on_finding(void *ctx, uint64_t offset, const char *what)
{
    const struct info *info = ctx;
    print_finding(info->path, offset, what);
}

int cmd_info(int argc, char **argv)
{
    bool json;
    int ended = take_json_and_file(argc, argv, help, &json);
    if (ended >= 0)
        return ended;
    struct info info = {.path = argv[optind]};
    struct input in;
    if (!input_open(&in, "info", info.path))
        return EXIT_FINDINGS;
    info.file_bytes = in.source.size;
    struct walk_handler handler = {
        .ctx = &info, .item = on_item, .finding = on_finding, .dump = input_dump(&in)};
    int code = EXIT_FINE;
    if (!walk_trace(&in.source, &handler, &info.walk))
        code = input_error("info", "%s: %s", info.path, strerror(info.walk.io_error));
    else if (info.walk.findings)
        code = EXIT_FINDINGS;
    if ((info.walk.chunks || info.walk.dump_known) && !info.walk.io_error)
        json ? info_print_json(stdout, &info) : info_print(stdout, &info);
    walk_free(&info.walk);
    input_close(&in);
    return finish_output("info", code);
}
