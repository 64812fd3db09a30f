/*
 * core/loop.h once more, on virtual time. All loops of a world share one timeline: each loop is a process that can be
 * held (SIGSTOP), killed, and made slow, without touching the others. A step is one due timer or one round of tasks of
 * one process; when nobody has anything to do, time jumps to the next timer. Which of several processes goes first is
 * chance, and chance comes from one seed: the same seed gives the same steps.
 *
 * Linked into a program, this takes the place of core/loop.c, core/clock.c, core/dice.c and core/file.c. A clock has no
 * parameter from which to know its world, so there is one timeline at a time in a process.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/loop.h"

struct timeline;

/* Makes it the one that clocks and dice ask. */
struct timeline *timeline_new(uint64_t seed) __attribute__((returns_nonnull));
/* All its loops must be freed. NULL is fine; returns NULL. */
struct timeline *timeline_free(struct timeline *t);

/* Runs one step that begins not later than until_ms; false: there is none, and it is until_ms now. */
bool timeline_step(struct timeline *t, int64_t until_ms) _nonnull_(1);
int64_t timeline_now(const struct timeline *t) _nonnull_(1);
uint64_t timeline_steps(const struct timeline *t) _nonnull_(1);
/* Of every step so far and of all that was mixed in. */
uint64_t timeline_hash(const struct timeline *t) _nonnull_(1);
void timeline_mix(struct timeline *t, const void *data, size_t len) _nonnull_(1, 2);
/* Steps since time moved last: a world that is busy without end at one instant is broken. */
uint64_t timeline_restless(const struct timeline *t) _nonnull_(1);

/* 64 random bits, beside those that the processes take. */
uint64_t timeline_roll(struct timeline *t) _nonnull_(1);
/* 0 .. n - 1; n > 0. */
uint64_t timeline_below(struct timeline *t, uint64_t n) _nonnull_(1);

/* A process. wall_offset_ms (may be NULL): what its wall clock is wrong by; read at each look at the clock. */
struct loop *timeline_loop(struct timeline *t, const int64_t *wall_offset_ms) _nonnull_(1);
/* Each time it is woken, up to so many ms pass before it does anything: the network, and the other processes. */
void loop_slow(struct loop *l, int64_t most_ms) _nonnull_(1);
/* Held, nothing of it runs; what was due meanwhile runs afterwards. */
void loop_hold(struct loop *l, bool hold) _nonnull_(1);
/* Nothing of it runs any more, and it writes no file; what it has is then freed, inside of loop_enter() and leave. */
void loop_kill(struct loop *l) _nonnull_(1);
/* Code that is not in a step acts as this process: its clock, its files. */
void loop_enter(struct loop *l) _nonnull_(1);
void loop_leave(struct loop *l) _nonnull_(1);
/* Whether it stopped all its timers and tasks, as whoever is freed has to. */
bool loop_at_rest(const struct loop *l) _nonnull_(1);

/* What core/file.h reads and writes: files by path, in memory, for as long as the timeline. */
void timeline_file_remove(struct timeline *t, const char *path) _nonnull_(1, 2);
