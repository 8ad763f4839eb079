/* engram index: an INDEX chunk at a trace's end. */
#include "command.h"
#include "reader/index.h"
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char help[] =
    "usage: engram index FILE\n"
    "Adds an INDEX chunk behind a trace's end, from which --from, --to and --jobs find their place at once. "
    "Without one\n"
    "they walk from chunk to chunk, which takes a second or two for 100 GB. Nothing else in the file "
    "changes.\n\n"
    "examples:\n"
    "  engram index trace.egrm && engram print --from i:5000000000 --count 10 trace.egrm\n"
    "Exit code: 0 it has an index; 1 it could not be read or written; 2 wrong usage.\n";

static bool append(const struct trace_index *x, const struct input *in)
{
    size_t bytes;
    uint8_t *chunk = index_chunk(x, in->source.size, &bytes);
    int fd = chunk ? open(in->path, O_WRONLY | O_APPEND | O_CLOEXEC) : -1;
    bool sound = fd >= 0 && write(fd, chunk, bytes) == (ssize_t)bytes;
    int error = errno;
    sound = (fd < 0 || close(fd) == 0) && sound;
    free(chunk);
    if (!sound)
        input_error("index", "cannot write %s: %s", in->path, strerror(error));
    return sound;
}

static int add(struct input *in)
{
    struct trace_index x;
    if (index_load(&x, &in->source)) {
        printf("%s has an index: %s segments\n", in->path, grouped(x.segments));
        index_free(&x);
        return EXIT_FINE;
    }
    if (!index_scan(&x, &in->source))
        return input_error("index", "%s: %s", in->path, strerror(errno));
    int code = EXIT_FINDINGS;
    if (x.segments == 0) {
        input_error("index", "%s: there is no segment in it", in->path);
    } else if (append(&x, in)) {
        printf("%s: %s segments, an entry for each %s\n", in->path, grouped(x.segments), grouped(x.step));
        code = EXIT_FINE;
    }
    index_free(&x);
    return code;
}

int cmd_index(int argc, char **argv)
{
    static const struct option long_options[] = {{"help", no_argument, NULL, 'h'}, {0}};
    int option = getopt_long(argc, argv, "h", long_options, NULL);
    if (option == 'h') {
        fputs(help, stdout);
        return finish_output("index", EXIT_FINE);
    }
    if (option != -1 || optind + 1 != argc)
        return usage_error("index", "give one trace file; see `engram index --help`");
    struct input in;
    if (!input_open(&in, "index", argv[optind]))
        return EXIT_FINDINGS;
    int code = add(&in);
    input_close(&in);
    return finish_output("index", code);
}
