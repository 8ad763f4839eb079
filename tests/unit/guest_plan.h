/* A guest that a test has a plan made for, and what comes of it. */
#ifndef GUEST_PLAN_H
#define GUEST_PLAN_H

#include "guest/plan.h"

#include <string.h>

static struct machine m;
static struct guest_source source;
static struct guest_plan plan;
static char error[512];

static void accept(void)
{
    error[0] = '\0';
    if (!guest_plan_make(&plan, &source, &m, error, sizeof(error)))
        fail_msg("refused: %s", error);
}

static void refuse(const char *reason)
{
    error[0] = '\0';
    if (guest_plan_make(&plan, &source, &m, error, sizeof(error)))
        fail_msg("accepted, expected '%s'", reason);
    if (!strstr(error, reason))
        fail_msg("expected '%s' in '%s'", reason, error);
    assert_null(strchr(error, '\n'));
}

#endif
