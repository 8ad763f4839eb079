/* What the files around the dispatcher share. */
#ifndef ENGRAM_DBT_RUN_H
#define ENGRAM_DBT_RUN_H

#include "dbt/dbt.h"

/* ---- run.c ---- */
/* Delivers c->fault at v.rip, or leaves the run stopped. */
void dbt_deliver(struct dbt *d);

/* ---- mode.c ---- */
void mode_update(struct dbt *d);

/* ---- miss.c ---- */
/* The record pointer becomes one again: left in its middle, the block has it with the count of what it has
 * touched. */
void settle_record(struct dbt *d, const struct block *b, unsigned insn);
/* RIP is at the block's instruction `insn`, before which all is done; what the head charged for the rest
 * comes back. */
void go_back_to(struct dbt *d, const struct block *b, unsigned insn);
/* … and its record is that of the accesses so far. */
void leave_inside(struct dbt *d, struct block *b, unsigned insn);
/* The arithmetic flags from where they are there (enum flags_place). */
void restore_flags(struct dbt *d, uint8_t place);
/* The instruction at which the block was left is complete. */
void charge(struct dbt *d);
/* #GP at a branch whose target is nowhere, the block's instruction `insn`. */
void refuse_branch(struct dbt *d, const struct block *b, unsigned insn);
/* A probe missed. */
void handle_miss(struct dbt *d, const struct exit_site *x);

/* ---- break.c ---- */
/* Since this was last asked: the guest's debug registers break elsewhere. */
bool breakpoints_changed(struct dbt *d);
/* A block that begins at one is entered from the dispatcher alone. */
bool break_is_at(const struct dbt *d, const struct block *b);
/* The host is asked where it has a break at RIP. True: it was. */
bool break_ask_host(struct dbt *d);
/* True: an instruction breakpoint of the guest is at RIP, and its #DB is delivered. */
bool break_deliver(struct dbt *d);

#endif
