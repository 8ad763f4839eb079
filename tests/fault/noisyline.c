/*
 * A bad serial line: passes bytes between two sockets and damages some of
 * them, in both directions.
 *
 *     noisyline [--seed N] [--rate PER-MILLION] [--one-way] CONNECT-PORT LISTEN-PORT
 *
 * Connects to CONNECT-PORT on this machine (a machine's serial line; tries for
 * ten seconds), then waits for a receiver on LISTEN-PORT. Of the bytes, --rate
 * in a million (10000, 1%, by default) are damaged: half of those have one bit
 * flipped, half are dropped. The same seed damages the same bytes. --one-way
 * lets nothing back. Ends when either side does; says what it did on stderr.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CONNECT_SECONDS 10
#define LISTEN_SECONDS 60
#define CHUNK 4096

struct direction {
    const char *name;
    uint64_t random; /* state of the generator */
    uint64_t passed, flipped, dropped;
};

static uint32_t rate = 10000;

static _Noreturn void fail(const char *what)
{
    fprintf(stderr, "noisyline: %s: %s\n", what, strerror(errno));
    exit(1);
}

/* splitmix64 (Steele, Lea, Flood 2014): every seed gives a good sequence. */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static size_t damage(struct direction *d, uint8_t *bytes, size_t count)
{
    size_t kept = 0;

    for (size_t i = 0; i < count; i++) {
        uint64_t r = next_random(&d->random);
        uint8_t byte = bytes[i];
        if (r % 1000000 < rate) {
            if (r >> 63) {
                d->dropped++;
                continue;
            }
            byte ^= (uint8_t)(1u << (r >> 40 & 7));
            d->flipped++;
        }
        bytes[kept++] = byte;
    }
    d->passed += kept;
    return kept;
}

static bool write_all(int fd, const uint8_t *bytes, size_t count)
{
    while (count > 0) {
        ssize_t n = send(fd, bytes, count, MSG_NOSIGNAL);
        if (n <= 0) {
            if (n < 0 && errno == EINTR)
                continue;
            return false;
        }
        bytes += n;
        count -= (size_t)n;
    }
    return true;
}

/* False when `from` has ended or `to` takes nothing more. */
static bool pass(struct direction *d, int from, int to)
{
    uint8_t bytes[CHUNK];
    ssize_t n = recv(from, bytes, sizeof(bytes), 0);

    if (n <= 0)
        return n < 0 && errno == EINTR;
    size_t kept = damage(d, bytes, (size_t)n);
    return to < 0 || write_all(to, bytes, kept);
}

static struct sockaddr_in local_port(const char *text)
{
    char *end;
    unsigned long port = strtoul(text, &end, 10);

    if (*end || port == 0 || port > 65535) {
        fprintf(stderr, "noisyline: %s is no port\n", text);
        exit(2);
    }
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return a;
}

static int connect_to(const char *port)
{
    struct sockaddr_in a = local_port(port);
    struct timespec tenth = {.tv_nsec = 100000000};

    for (int tries = 0; tries < CONNECT_SECONDS * 10; tries++) {
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        if (fd < 0)
            fail("socket");
        if (connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0)
            return fd;
        close(fd);
        nanosleep(&tenth, NULL);
    }
    fail("nobody listens on the machine's port");
}

static int accept_on(const char *port)
{
    struct sockaddr_in a = local_port(port);
    int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;

    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
        bind(fd, (struct sockaddr *)&a, sizeof(a)) != 0 || listen(fd, 1) != 0)
        fail("cannot listen");
    struct pollfd p = {.fd = fd, .events = POLLIN};
    if (poll(&p, 1, LISTEN_SECONDS * 1000) != 1)
        fail("no receiver came");
    int client = accept(fd, NULL, NULL);
    if (client < 0)
        fail("accept");
    close(fd);
    return client;
}

static void report(const struct direction *d)
{
    fprintf(stderr,
            "noisyline: %s: %" PRIu64 " bytes passed, %" PRIu64 " of them flipped, %" PRIu64 " dropped\n",
            d->name, d->passed, d->flipped, d->dropped);
}

int main(int argc, char **argv)
{
    uint64_t seed = 1;
    bool one_way = false;
    int i = 1;

    for (; i < argc && strncmp(argv[i], "--", 2) == 0; i++) {
        if (strcmp(argv[i], "--one-way") == 0)
            one_way = true;
        else if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc)
            seed = strtoull(argv[++i], NULL, 0);
        else if (strcmp(argv[i], "--rate") == 0 && i + 1 < argc)
            rate = (uint32_t)strtoul(argv[++i], NULL, 0);
        else
            break;
    }
    if (argc - i != 2) {
        fprintf(stderr,
                "usage: noisyline [--seed N] [--rate PER-MILLION] [--one-way] CONNECT-PORT LISTEN-PORT\n");
        return 2;
    }
    struct direction out = {.name = "from the machine", .random = seed};
    struct direction back = {.name = "to the machine", .random = ~seed};
    int machine = connect_to(argv[i]);
    int receiver = accept_on(argv[i + 1]);

    for (;;) {
        struct pollfd p[2] = {{.fd = machine, .events = POLLIN}, {.fd = receiver, .events = POLLIN}};
        if (poll(p, 2, -1) < 0 && errno != EINTR)
            fail("poll");
        if (p[0].revents && !pass(&out, machine, receiver))
            break;
        if (p[1].revents && !pass(&back, receiver, one_way ? -1 : machine))
            break;
    }
    report(&out);
    report(&back);
    return 0;
}
